import type { IncomingHttpHeaders } from 'node:http';

/** For one connection only, not for those behind it (RFC 9110 §7.6.1); proxy-* go by their prefix. */
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'trailer', 'te', 'upgrade']);

/** Names (in lower case) and values in turn, without what an upstream said to the gateway alone. */
export function endToEndHeaders(headers: IncomingHttpHeaders): string[] {
  const named = namedByConnection(headers.connection);
  const kept: string[] = [];
  for (const name of Object.keys(headers)) {
    if (hopByHop.has(name) || name.startsWith('proxy-') || named?.includes(name)) continue;
    const value = headers[name];
    if (typeof value === 'string') kept.push(name, value);
    else if (value) for (const each of value) kept.push(name, each);
  }
  return kept;
}

function namedByConnection(connection: string | string[] | undefined): string[] | undefined {
  // The usual case, without a list for it.
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  return String(connection)
    .split(',')
    .map((name) => name.trim().toLowerCase());
}

/** Said by us, or nobody's business: what an upstream's answer does not bring to the client. */
const notForClients = new Set([
  'x-request-id',
  'server',
  'date',
  'x-powered-by',
  'strict-transport-security',
  'content-security-policy',
  'x-content-type-options',
  'referrer-policy',
  'x-served-version',
  'x-cache',
  'age',
]);

/** The headers of an upstream's answer that a client gets. Names in lower case and values in turn. */
export function clientHeaders(headers: string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (!notForClients.has(name) && !name.startsWith('access-control-'))
      kept.push(name, headers[index + 1] ?? '');
  }
  return kept;
}

/** Nobody keeps an answer of which nothing is said. */
export const unkept = (headers: string[]): string[] =>
  headerOf(headers, 'cache-control') !== undefined ? headers : [...headers, 'cache-control', 'no-store'];

/** Names in lower case and values in turn, without this one. */
export const withoutHeader = (headers: string[], unwanted: string): string[] =>
  headers.filter((_, index) => headers[index - (index % 2)] !== unwanted);

/** All values of a header in a list of names and values in turn, as one (RFC 9110 §5.3); undefined where there is none. `wanted` is in lower case. */
export function headerOf(headers: string[], wanted: string): string | undefined {
  let values: string | undefined;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    // Asked for every answer, often: most names differ in their length.
    if (name.length !== wanted.length || name.toLowerCase() !== wanted) continue;
    const value = headers[index + 1] ?? '';
    values = values === undefined ? value : `${values}, ${value}`;
  }
  return values;
}
