import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';

/** How a request that was let through ended. */
export interface Settled {
  /**
   * `not-sent`: it surely reached no service, as after a refusal of our own or a refused connection. `answered`: by the service.
   * `no-answer`: it was sent, and then the time was up or the connection broke, so nobody knows.
   */
  ending: 'not-sent' | 'answered' | 'no-answer';
  /** The answer has Retry-After. */
  asksToRetry: boolean;
  /** The service itself recognises a repetition by the key. */
  dedupes: boolean;
}

/** Answers of somebody who looked at the request and did not begin: the client may mend it and use its key again. */
const refusals = new Set([400, 401, 403, 405, 406, 408, 411, 413, 414, 415, 417, 428, 429, 431]);

/**
 * Whether an answer is the outcome of its Idempotency-Key from now on. What was carried out is, a failure (500) included, and so is what the
 * rules of the business refused (404, 409, 412, 422): another try is another intention, and takes another key. A refusal at the door is not,
 * nor an error with Retry-After, by which the service asks for the same request again. Where nobody knows, the service finds out at the
 * next try if it knows the key; else the unknown outcome is kept, since a second try could do it twice.
 */
export function shouldStore(status: number, { ending, asksToRetry, dedupes }: Settled): boolean {
  if (ending === 'not-sent') return false;
  const isUnknown = status === 502 || status === 504 || (status === 503 && !asksToRetry);
  if (ending === 'no-answer' || isUnknown) return !dedupes;
  if (status >= 400 && asksToRetry) return false;
  return !refusals.has(status);
}

const deepest = 64;
const jsonType = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

/** What makes a request the same as another one; `search` has its question mark, or is empty. */
export interface Fingerprinted {
  method: string;
  path: string;
  search: string;
  contentType: string | undefined;
  body: Buffer;
}

/**
 * SHA-256 of a request, in base64url. JSON counts by what it says: order of members, white space and escapes do not (RFC 8785; a number is
 * what JavaScript reads, as the services do). Anything else, and JSON nested deeper than 64, counts byte by byte.
 */
export function fingerprintOf({ method, path, search, contentType, body }: Fingerprinted): string {
  const canonical = jsonType.test(contentType ?? '') ? canonicalJson(body) : undefined;
  const kind = canonical === undefined ? (contentType?.toLowerCase() ?? '') : 'json';
  return createHash('sha256')
    .update(JSON.stringify([method, path, search, canonical !== undefined, kind]))
    .update(canonical ?? body)
    .digest('base64url');
}

/** Undefined where the bytes are no JSON, or too deep. */
function canonicalJson(body: Buffer): string | undefined {
  // Bytes that are no text would all read as the same replacement character.
  if (!isUtf8(body)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
  return canonicalise(value, 0);
}

function canonicalise(value: unknown, depth: number): string | undefined {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (depth === deepest) return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item) => canonicalise(item, depth + 1));
    return items.includes(undefined) ? undefined : `[${items.join(',')}]`;
  }
  const members: string[] = [];
  // sort() compares UTF-16 code units, as RFC 8785 §3.2.3 asks.
  for (const name of Object.keys(value).sort()) {
    const member = canonicalise((value as Record<string, unknown>)[name], depth + 1);
    if (member === undefined) return undefined;
    members.push(`${JSON.stringify(name)}:${member}`);
  }
  return `{${members.join(',')}}`;
}
