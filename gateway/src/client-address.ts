import type { IncomingMessage } from 'node:http';

/** The address that the outermost trusted proxy saw; what stands further left in X-Forwarded-For is the client's own claim. */
export function clientAddress(request: IncomingMessage, trustedHops: number): string {
  const peer = request.socket.remoteAddress ?? 'unknown';
  if (trustedHops === 0) return peer;
  const forwarded = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
  return forwarded.at(-trustedHops) ?? peer;
}
