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
  headers.includes('cache-control') ? headers : [...headers, 'cache-control', 'no-store'];

/** Names in lower case and values in turn, without this one. */
export const withoutHeader = (headers: string[], unwanted: string): string[] =>
  headers.filter((_, index) => headers[index - (index % 2)] !== unwanted);
