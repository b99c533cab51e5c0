import { eventually } from '@onrush/chassis/testing/wait';
import { startFixture, type Fixture } from './fixture';
import { codeOf, watchUpstream, type UpstreamWatch } from './refusals';
import { sendRaw } from './raw-socket';

let fixture: Fixture;
let upstream: UpstreamWatch;
beforeAll(async () => {
  fixture = await startFixture('proxies', { trustedHops: 2, allowedHosts: ['shop.example', '[::1]:8080'] });
  upstream = watchUpstream(fixture);
}, 60_000);
afterAll(() => fixture.stop());
beforeEach(() => upstream.forget());

const ask = (host: string, ...headers: string[]) =>
  sendRaw(
    fixture.port,
    ['GET /api/v1/products/1/stock HTTP/1.1', `Host: ${host}`, ...headers, '', ''].join('\r\n'),
  );

describe('of the names that are served', () => {
  test.each(['shop.example', 'shop.example:8443', 'SHOP.example', '[::1]:8080'])(
    '%s is one',
    async (host) => {
      expect((await ask(host)).status).toBe(200);
    },
  );

  test.each([
    'other.example',
    'shop.example.evil.example',
    'shop.example.',
    'a.shop.example',
    '[::1]',
    '127.0.0.1',
  ])('%s is none: 421, and nobody is asked', async (host) => {
    const answer = await ask(host);

    expect([answer.status, codeOf(answer)]).toEqual([421, 421001]);
    expect(upstream.reached()).toBe(0);
  });

  test('the pages of the gateway are under them, too', async () => {
    const answer = await sendRaw(fixture.port, 'GET /health HTTP/1.1\r\nHost: other.example\r\n\r\n');

    expect(codeOf(answer)).toBe(421001);
  });
});

describe('of two trusted proxies', () => {
  const addressSeen = () => fixture.upstream.seen.at(-1)?.headers['x-forwarded-for'];
  test.each([
    ['the outer one saw the client', ['203.0.113.7, 10.0.0.2'], '203.0.113.7'],
    [
      'what stands left of that is a claim',
      ['198.51.100.1, 198.51.100.2, 203.0.113.7, 10.0.0.2'],
      '203.0.113.7',
    ],
    ['each may add a header of its own', ['198.51.100.1', '203.0.113.7', '10.0.0.2'], '203.0.113.7'],
    ['one alone is not where the client is told: the peer is', ['203.0.113.7'], '127.0.0.1'],
    ['nobody says anything: the peer is the client', [], '127.0.0.1'],
    ['a port is no part of it', ['203.0.113.7:4711, 10.0.0.2'], '203.0.113.7'],
    ['nor are brackets', ['[2001:db8::7]:4711, 10.0.0.2'], '2001:db8::7'],
    ['empty entries are none', ['203.0.113.7, , 10.0.0.2,'], '203.0.113.7'],
  ])('%s', async (_name, forwarded, expected) => {
    await ask('shop.example', ...forwarded.map((value) => `X-Forwarded-For: ${value}`));

    expect(addressSeen()).toBe(expected);
  });

  test('the block list goes by that address, and no claim gets anybody past it, or on it', async () => {
    const from = (forwarded: string) => ask('shop.example', `X-Forwarded-For: ${forwarded}`);
    fixture.auth.tellRules([{ id: '1', action: 'block', cidr: '203.0.113.7/32', expiresAt: '0' }]);
    await eventually(async () => (await from('203.0.113.7, 10.0.0.2')).status === 403);

    const hidden = await from('198.51.100.1, 203.0.113.7, 10.0.0.2');
    const accused = await from('203.0.113.7, 198.51.100.1, 10.0.0.2');

    expect([hidden.status, accused.status]).toEqual([403, 200]);
  });
});
