import type { RequestHandler } from 'express';
import { createHash, timingSafeEqual } from 'node:crypto';
import type { CommonErrors } from './errors';
import type { Access } from './http-routes';
import { currentContext } from './request-context';

export const isForProgram = (access: Access): access is { program: string } =>
  typeof access === 'object' && 'program' in access;

/** On its own routes a program is the caller, by its bearer token (RFC 6750), and nobody else is, not the gateway either. Without a token nobody is. */
export function verifyProgram(
  program: string,
  { programs, errors }: { programs?: Record<string, string>; errors: CommonErrors },
): RequestHandler {
  return (request, _response, next) => {
    if (!isBearer(request.get('authorization'), programs?.[program])) throw errors.unauthenticated();
    const context = currentContext();
    if (context) context.caller = program;
    next();
  };
}

/** It takes as long for a wrong token as for the right one. What is sent is never empty, and so no token lets nobody in. */
function isBearer(header = '', token = ''): boolean {
  const sent = /^Bearer +([\x21-\x7e]+)$/i.exec(header)?.[1];
  return sent !== undefined && timingSafeEqual(digestOf(sent), digestOf(token));
}

/** Of one length, whatever was sent. */
const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
