import type { IncomingMessage } from 'node:http';
import { errors } from '../errors';

export interface Target {
  /** What routing and authorization go by, and what is sent on: there is no second spelling of it. `*` for `OPTIONS *`. */
  path: string;
  /** With its `?`, as it was sent; empty without one. */
  search: string;
}

const lengthLimit = 4_096;

/** The common case: visible characters that mean themselves, no empty segment, no dot segment. Nothing in it can backtrack. */
const cleanTarget =
  /^(?:\/|(?:\/(?!\.\.?(?:[/?]|$))[\w.~!$&'()*+,=:@-]+)+\/?)(?:\?[!$&-;=?-[\]-_a-z{|}~]*)?$/;

/** Characters that no path needs and that some decode, cut off or turn around: `\`, `;`, and what RFC 3986 leaves out. */
const pathForm = /^[\w.~!$&'()*+,=:@/%-]+$/;
const dotSegment = /\/\.\.?(?:\/|$)/;
/** Visible ASCII without `#`. */
const searchForm = /^[!"$-~]*$/;

/** A name, an IPv4 or a bracketed IPv6 address, and a port (RFC 9110 §7.2): no user, no path. */
const hostForm = /^(?:[a-z\d_](?:[a-z\d_.-]{0,251}[a-z\d_.])?|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i;

/**
 * The one reading of where a request goes. What could be read in two ways is refused, never repaired: a repaired path is another one than
 * what a log, a cache or an upstream sees. `hosts`: names that are served, with or without port; undefined where every name is.
 *
 * Throws `malformedRequest`, `uriTooLong` or `misdirected` (RFC 9112 §3.2, RFC 9110 §7.4). Repeated Host headers are a matter of
 * request-framing.ts.
 */
export function parseTarget(
  request: IncomingMessage,
  { hosts }: { hosts: ReadonlySet<string> | undefined },
): Target {
  checkHost(request.headers.host, hosts);
  const { url = '' } = request;
  if (url.length > lengthLimit) throw errors.uriTooLong();
  if (url === '*' && request.method === 'OPTIONS') return { path: url, search: '' };
  const queryAt = url.indexOf('?');
  const path = queryAt === -1 ? url : url.slice(0, queryAt);
  const search = queryAt === -1 ? '' : url.slice(queryAt);
  if (!cleanTarget.test(url)) {
    checkPath(path);
    checkSearch(search);
  }
  return { path, search };
}

function checkHost(host: string | undefined, hosts: ReadonlySet<string> | undefined): void {
  if (host === undefined || !hostForm.test(host)) throw malformed('host');
  if (hosts === undefined || hosts.has(host)) return;
  const full = host.toLowerCase();
  if (!hosts.has(full) && !hosts.has(full.replace(/:\d+$/, ''))) throw errors.misdirected();
}

function checkPath(path: string): void {
  if (!path.startsWith('/') || !pathForm.test(path)) throw malformed('path');
  if (path.includes('//') || dotSegment.test(path)) throw malformed('path');
  checkEscapes(path, isAmbiguousInPath);
}

function checkSearch(search: string): void {
  if (!searchForm.test(search)) throw malformed('query');
  checkEscapes(search, isControl);
}

const isControl = (byte: number): boolean => byte < 0x20 || byte === 0x7f;

const structural = new Set(Array.from('/\\;%?#', (character) => character.charCodeAt(0)));
const unreserved = /^[\w.~-]$/;

/**
 * Encoded, these are another path to one reader and the same to another. Letters, digits and `-._~` have no reason to be encoded
 * (RFC 3986 §2.3: producers should not; browsers, curl and every URL library do not), so that each resource keeps one spelling; a `%`
 * would be a second layer of encoding.
 */
const isAmbiguousInPath = (byte: number): boolean =>
  isControl(byte) || structural.has(byte) || (byte < 0x80 && unreserved.test(String.fromCharCode(byte)));

/** Every `%` begins an escape, no escape is a refused byte, and together they are UTF-8: an overlong form is not (RFC 3629 §3). */
function checkEscapes(text: string, isRefused: (byte: number) => boolean): void {
  for (let at = text.indexOf('%'); at !== -1; at = text.indexOf('%', at + 3)) {
    const hex = text.slice(at + 1, at + 3);
    if (!/^[\da-f]{2}$/i.test(hex) || isRefused(Number.parseInt(hex, 16))) throw malformed('escape');
  }
  try {
    decodeURIComponent(text);
  } catch (cause) {
    throw errors.malformedRequest({ cause, meta: { part: 'escape' } });
  }
}

const malformed = (part: string) => errors.malformedRequest({ meta: { part } });
