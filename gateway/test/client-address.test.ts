import type { IncomingMessage } from 'node:http';
import { clientAddress, clientProtocol } from '../src/connection/client-address';

const from = (headers: Record<string, string>) =>
  ({ headers, socket: { remoteAddress: '10.0.0.9' } }) as unknown as IncomingMessage;

test.each<[string | undefined, number, string]>([
  ['https', 0, 'http'],
  ['https', 1, 'https'],
  ['http', 1, 'http'],
  [undefined, 1, 'http'],
  ['https, http', 1, 'http'],
  ['http, https', 1, 'https'],
  ['http, https,http', 2, 'https'],
  // One proxy of two wrote it anew.
  ['https', 2, 'https'],
  ['HTTPS', 1, 'http'],
  ['https;evil', 1, 'http'],
  ['wss', 1, 'http'],
  ['', 1, 'http'],
])('X-Forwarded-Proto "%s" behind %i trusted proxies is %s', (value, hops, expected) => {
  const headers: Record<string, string> = value === undefined ? {} : { 'x-forwarded-proto': value };

  expect(clientProtocol(from(headers), hops)).toBe(expected);
});

test('the address is what the outermost trusted proxy saw', () => {
  const request = from({ 'x-forwarded-for': '203.0.113.5, 198.51.100.7' });

  expect([0, 1, 2, 3].map((hops) => clientAddress(request, hops))).toEqual([
    '10.0.0.9',
    '198.51.100.7',
    '203.0.113.5',
    '10.0.0.9',
  ]);
});
