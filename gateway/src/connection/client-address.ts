import type { IncomingMessage } from 'node:http';

/** The address that the outermost trusted proxy saw; what stands further left in X-Forwarded-For is the client's own claim. */
export function clientAddress(request: IncomingMessage, trustedHops: number): string {
  const peer = request.socket.remoteAddress ?? 'unknown';
  if (trustedHops === 0) return peer;
  const forwarded = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
  const told = forwarded.at(-trustedHops);
  return told === undefined ? peer : withoutPort(told);
}

/** Some proxies write the port, too: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
const withoutPort = (text: string): string =>
  (/^([\d.]+):\d+$/.exec(text) ?? /^\[([\da-f:.]+)\](?::\d+)?$/i.exec(text))?.[1] ?? text;

/**
 * What the client speaks with the outermost trusted proxy, which may end TLS. Proxies add to X-Forwarded-Proto or write it anew, so that it may have
 * fewer values than there are hops.
 */
export function clientProtocol(request: IncomingMessage, trustedHops: number): 'http' | 'https' {
  if (trustedHops === 0) return 'http';
  const values = String(request.headers['x-forwarded-proto'] ?? '').split(',');
  const told = (values.at(-trustedHops) ?? values[0] ?? '').trim();
  return told === 'https' ? 'https' : 'http';
}
