import type { IncomingMessage } from 'node:http';
import { errors } from '../errors';

const mediaType = /^application\/json\s*(?:;|$)/i;

/** By the head alone, before a byte of the body is read: JSON, and not compressed. Throws `unsupportedMediaType`. */
export function assertJsonType({ headers }: IncomingMessage): void {
  if (headers['content-encoding'] !== undefined || !mediaType.test(headers['content-type'] ?? ''))
    throw errors.unsupportedMediaType();
}

const depthLimit = 32;

/** The body of nearly every purchase: at most one member, a plain one. Nothing that the rules below are about fits into it. */
const plainObject = /^\{(?:"(?!constructor")[a-z]{1,32}":(?:[1-9]\d{0,8}|"[\w.-]{0,256}"))?\}$/;

/** Integers as this API writes them: no fraction, no exponent, no minus zero. */
const integerForm = /^(?:0|-?[1-9]\d*)$/;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * JSON (RFC 8259) of which there are no two readings: UTF-8 without a byte order mark, no member twice, whole numbers that a double holds
 * exactly, whole characters, at most 32 levels, no `__proto__` and no `constructor`. Throws `invalidArgument` for everything else.
 */
export function parseJsonStrictly(bytes: Buffer): unknown {
  if (bytes.length < 512) {
    // All that this form lets through is ASCII.
    const plain = bytes.toString('latin1');
    if (plainObject.test(plain)) return JSON.parse(plain);
  }
  let text: string;
  let value: unknown;
  try {
    text = decoder.decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw errors.invalidArgument({ cause, fields: [{ field: '', message: 'malformed JSON' }] });
  }
  checkTokens(text);
  return value;
}

/** Strings, brackets and numbers of a text that is JSON already; what is between them needs no look. */
const token = /"(?:[^"\\]|\\.)*"|[{}[\]]|-?\d[\d.eE+-]*/g;
const keyFollows = /\s*:/y;

function checkTokens(text: string): void {
  /** The names so far of each open object; undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  for (const { 0: found, index } of text.matchAll(token)) {
    const first = found[0];
    if (first === '{' || first === '[') {
      open.push(first === '{' ? new Set() : undefined);
      if (open.length > depthLimit) throw refused('nested too deep');
    } else if (first === '}' || first === ']') {
      open.pop();
    } else if (first === '"') {
      keyFollows.lastIndex = index + found.length;
      checkString(found, keyFollows.test(text) ? open.at(-1) : undefined);
    } else if (!integerForm.test(found) || !Number.isSafeInteger(Number(found))) {
      throw refused('a number that is not a whole one');
    }
  }
}

function checkString(literal: string, names: Set<string> | undefined): void {
  const value = literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
  if (!value.isWellFormed()) throw refused('half a character');
  if (names === undefined) return;
  if (value === '__proto__' || value === 'constructor') throw refused('a name that is not allowed');
  if (names.has(value)) throw refused('a member twice');
  names.add(value);
}

const refused = (message: string) => errors.invalidArgument({ fields: [{ field: '', message }] });
