import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

const hopByHop = [
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'proxy-authorization',
  'proxy-connection',
];
const identityPrefixes = ['x-user', 'x-internal', 'x-canary', 'x-forwarded', 'grpc-'];
const identityNames = new Set(['forwarded', 'x-real-ip', 'x-deadline-ms', 'authorization', 'baggage']);

/**
 * Takes away what only we may say (identity, forwarding), and what is between the client and us alone (RFC 9110 §7.6.1), the headers that
 * `Connection` names among them. `Transfer-Encoding` stays: the proxy needs it to frame the body.
 */
export function stripHeaders(headers: IncomingHttpHeaders): void {
  const named = String(headers.connection ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase());
  for (const name of Object.keys(headers)) {
    const normal = name.replaceAll('_', '-');
    const isOurs = identityNames.has(normal) || identityPrefixes.some((prefix) => normal.startsWith(prefix));
    const isHop =
      hopByHop.includes(name) || (named.includes(name) && name !== 'content-length' && name !== 'host');
    if (isOurs || (isHop && name !== 'transfer-encoding')) delete headers[name];
  }
}

/** Node keeps the first of several Authorization headers; a request that has two is trying something. */
export function hasTwoAuthorizations(request: IncomingMessage): boolean {
  let seen = 0;
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index] ?? '';
    if (name.length === 13 && name.toLowerCase() === 'authorization') seen += 1;
  }
  return seen > 1;
}
