import { recordingLogger } from '@onrush/chassis/testing/logger';
import { createTestTokens } from '@onrush/chassis/testing/tokens';
import { eventually } from '@onrush/chassis/testing/wait';
import type { IpRule } from '@onrush/proto/gen/onrush/auth/v1/IpRule';
import { createIpRules } from '../src/identity/ip-rules';
import { gatewayTo, playAuth } from './played-auth';

const tokens = createTestTokens();
const stoppers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

const rule = (action: string, cidr: string, expiresAt = 0): IpRule => ({ id: 1, action, cidr, expiresAt });

async function startWith(rules: IpRule[], now = Date.now) {
  const auth = await playAuth(tokens);
  auth.rules = rules;
  const { client, discovery, metrics } = gatewayTo([auth.instance], tokens);
  const { logger, lines } = recordingLogger();
  const ipRules = createIpRules({ client, discovery, metrics, logger, now });
  stoppers.push(auth.stop, client.stop, ipRules.stop);
  await ipRules.start();
  const gauge = async (name: string) =>
    (await metrics.registry.getSingleMetric(name)?.get())?.values[0]?.value;
  return { auth, lines, isBlocked: ipRules.isBlocked, gauge };
}

test('without rules nobody is blocked', async () => {
  const { isBlocked, gauge } = await startWith([]);

  expect(isBlocked('192.0.2.1')).toBe(false);
  expect(await gauge('gateway_ip_rules')).toBe(0);
  expect(await gauge('gateway_ip_rules_connected')).toBe(1);
});

test('the rule with the longest prefix decides, of two equal ones that which allows', async () => {
  const { isBlocked } = await startWith([
    rule('block', '10.0.0.0/8'),
    rule('allow', '10.1.0.0/16'),
    rule('block', '10.1.2.0/24'),
    rule('allow', '10.1.2.3/32'),
    rule('allow', '198.51.100.0/24'),
    rule('block', '198.51.100.0/24'),
    rule('block', '203.0.113.0/24'),
    rule('allow', '203.0.113.0/24'),
    rule('block', '2001:db8::/32'),
    rule('allow', '2001:db8:1::/48'),
    rule('block', '::/1'),
  ]);

  const asked = {
    '10.0.0.1': true,
    '10.255.255.255': true,
    '11.0.0.0': false,
    '10.1.0.1': false,
    '10.1.2.2': true,
    '10.1.2.3': false,
    '198.51.100.7': false,
    '203.0.113.7': false,
    '::ffff:10.0.0.1': true,
    '::ffff:a00:1': true,
    '::ffff:11.0.0.1': false,
    '2001:db8::1': true,
    '2001:DB8:0:0::1': true,
    '2001:db8:1::1': false,
    '8000::1': false,
  };
  const answers = () =>
    Object.fromEntries(Object.keys(asked).map((address) => [address, isBlocked(address)]));
  expect(answers()).toEqual(asked);
  // The second time from the cache.
  expect(answers()).toEqual(asked);
});

test.each(['unknown', '', '10.0.0', '10.0.0.1:80', '10.0.0.1, 10.0.0.2', '0x0a000001', 'x'.repeat(10_000)])(
  '%.20s is no address, and matches no rule',
  async (text) => {
    const { isBlocked } = await startWith([rule('block', '0.0.0.0/1')]);

    expect(isBlocked(text)).toBe(false);
  },
);

test('a changed list counts at once, also for addresses that were asked before', async () => {
  const { auth, isBlocked } = await startWith([rule('block', '192.0.2.0/24')]);
  const before = [isBlocked('192.0.2.1'), isBlocked('198.51.100.1')];

  auth.tellRules([rule('block', '198.51.100.0/24')]);

  await eventually(() => isBlocked('198.51.100.1'), { timeoutMs: 1_000 });
  expect(before).toEqual([true, false]);
  expect(isBlocked('192.0.2.1')).toBe(false);
});

test('the last list stays when auth-service is gone, less what is over', async () => {
  let nowMs = Date.now();
  const { auth, isBlocked, gauge } = await startWith(
    [rule('block', '192.0.2.0/24'), rule('block', '198.51.100.0/24', nowMs + 60_000)],
    () => nowMs,
  );
  await auth.stop();
  await eventually(async () => (await gauge('gateway_ip_rules_connected')) === 0);
  const before = [isBlocked('192.0.2.1'), isBlocked('198.51.100.1')];

  nowMs += 60_000;

  expect(before).toEqual([true, true]);
  expect([isBlocked('192.0.2.1'), isBlocked('198.51.100.1')]).toEqual([true, false]);
});

test('a heartbeat is no list: without one it does not start', async () => {
  const auth = await playAuth(tokens);
  auth.isSilent = true;
  const { client, discovery, metrics } = gatewayTo([auth.instance], tokens);
  const { logger } = recordingLogger();
  const ipRules = createIpRules({ client, discovery, metrics, logger, startLimitMs: 500 });
  stoppers.push(auth.stop, client.stop, ipRules.stop);

  const starting = ipRules.start();
  await eventually(() => auth.streams.size === 1);
  auth.heartbeat();

  await expect(starting).rejects.toThrow(/has not told its ip rules within 500 ms/);
});

test('a rule that is not understood is logged, and the others count', async () => {
  const { isBlocked, lines } = await startWith([
    rule('block', 'nonsense'),
    rule('deny', '192.0.2.1/32'),
    rule('block', '192.0.2.2/32'),
  ]);

  expect([isBlocked('192.0.2.1'), isBlocked('192.0.2.2')]).toEqual([false, true]);
  expect(lines).toMatchObject([{ msg: 'ip rules of auth-service not understood', rules: 2 }]);
});
