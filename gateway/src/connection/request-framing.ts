import type { IncomingMessage } from 'node:http';
import type { AppError } from '@onrush/chassis/errors';
import { errors } from '../errors';

/** Why a request is refused before anybody looks at what it asks for: a label of `gateway_bad_requests_total`. */
export type BadRequestReason =
  | 'content_length'
  | 'expectation'
  | 'headers'
  | 'malformed'
  | 'method'
  | 'repeated_header'
  | 'slow_reader'
  | 'timeout'
  | 'transfer_encoding'
  | 'unexpected_body'
  | 'version';

/** The server has to keep more than these, else Node drops what is above without a word. */
const headerLimit = 100;

/** Of two of these one reader takes the first, another the last, a third both. By the length of the name. */
const singletons: (string[] | undefined)[] = [];
for (const name of [
  'authorization',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'idempotency-key',
  'transfer-encoding',
])
  (singletons[name.length] ??= []).push(name);

const noBody = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
/** RFC 9110 §8.6 allows leading zeros; some read them as octal, and nobody writes them. */
const lengthForm = /^(?:0|[1-9]\d{0,14})$/;

/**
 * What Node's parser lets through although two readers could disagree on where the message ends or what it says (RFC 9112 §6, §11.2).
 * `meta.reason` says which rule it was. The connection of such a request has to be closed: what follows on it cannot be trusted.
 */
export function refuseBadFraming(request: IncomingMessage): AppError | undefined {
  const { rawHeaders, headers, httpVersionMajor, httpVersionMinor } = request;
  if (httpVersionMajor !== 1 || httpVersionMinor > 1)
    return errors.versionNotSupported({ meta: { reason: 'version' } });
  if (rawHeaders.length > 2 * headerLimit) return errors.headersTooLarge({ meta: { reason: 'headers' } });
  const repeated = repeatedSingleton(rawHeaders);
  if (repeated === 'authorization')
    return errors.ambiguousAuthorization({ meta: { reason: 'repeated_header' } });
  if (repeated !== undefined) return malformed('repeated_header');

  const { expect, 'content-length': length, 'transfer-encoding': coding } = headers;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue')
    return errors.expectationFailed({ meta: { reason: 'expectation' } });
  // HTTP/1.0 has no chunks (RFC 9112 §6.1); another coding before the chunks is one that nobody behind us undoes.
  if (coding !== undefined && (httpVersionMinor === 0 || coding.toLowerCase() !== 'chunked'))
    return malformed('transfer_encoding');
  if (length !== undefined && !lengthForm.test(length)) return malformed('content_length');
  const hasBody = coding !== undefined || (length !== undefined && length !== '0');
  if (hasBody && noBody.has(request.method ?? '')) return malformed('unexpected_body');
  return undefined;
}

const malformed = (reason: BadRequestReason): AppError => errors.malformedRequest({ meta: { reason } });

function repeatedSingleton(rawHeaders: string[]): string | undefined {
  let seen: string[] | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const sent = rawHeaders[index] ?? '';
    const candidates = singletons[sent.length];
    if (candidates === undefined) continue;
    const name = sent.toLowerCase();
    if (!candidates.includes(name)) continue;
    if (seen?.includes(name)) return name;
    if (seen) seen.push(name);
    else seen = [name];
  }
  return undefined;
}
