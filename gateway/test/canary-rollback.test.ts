import { testNamespace } from '@onrush/chassis/testing/infrastructure';
import { createTestRedis, type TestRedis } from '@onrush/chassis/testing/redis';
import { eventually } from '@onrush/chassis/testing/wait';
import { canary, instance, newShared, newGateway, stable, upstream, type Gateway } from './canary-fixture';

let redis: TestRedis;
beforeAll(async () => {
  redis = await createTestRedis(testNamespace('canaryroll'));
});
afterAll(() => redis.cleanup());

const open = { percent: 5 };

describe('a rollback', () => {
  const breakIt = (gateway: Gateway) => gateway.answers(canary, 10, { everyNth: 1 });

  test('ends when the rules of the upstream change, and not when they are only said again', () => {
    const gateway = newGateway(open, newShared(redis));
    breakIt(gateway);

    gateway.change({ ...open });
    expect(gateway.isRolledBack()).toBe(true);
    gateway.change({ percent: 1 });

    expect(gateway.isRolledBack()).toBe(false);
    expect(gateway.lines.at(-1)).toMatchObject({ msg: 'canary may serve again', upstream, version: '1.1.0' });
    breakIt(gateway);
    expect(gateway.isRolledBack()).toBe(true);
  });

  test('leaves nothing behind that counts under the next rules', () => {
    const gateway = newGateway(open, newShared(redis));
    gateway.answers(canary, 9, { everyNth: 1 });

    gateway.change({ percent: 1 });
    gateway.answers(canary, 9, { everyNth: 1 });

    expect(gateway.isRolledBack()).toBe(false);
  });

  test('loses no evidence when the same rules are said again', () => {
    const gateway = newGateway(open, newShared(redis));
    gateway.answers(canary, 9, { everyNth: 1 });

    gateway.change({ ...open });
    gateway.answers(canary, 1, { everyNth: 1 });

    expect(gateway.isRolledBack()).toBe(true);
  });

  test('is followed by every gateway with the same rules, also by one that starts later', async () => {
    const shared = newShared(redis);
    const judge = newGateway(open, shared);
    const follower = newGateway(open, shared);
    const otherRules = newGateway({ percent: 7 }, shared);
    // The judge tells at once: it is not even started, so nothing is told in turn.
    await Promise.all([follower, otherRules].map(({ guard }) => guard.start()));

    breakIt(judge);
    await eventually(follower.isRolledBack);
    const late = newGateway(open, shared);
    await late.guard.start();

    expect(late.isRolledBack()).toBe(true);
    expect(otherRules.isRolledBack()).toBe(false);
    expect(follower.lines).toEqual([
      expect.objectContaining({
        msg: 'canary rolled back by another gateway',
        reason: 'errors',
        version: '1.1.0',
      }),
    ]);
    expect(await follower.metric('gateway_canary_rolled_back')).toEqual([1]);
    expect(await follower.metric('gateway_canary_rollbacks_total')).toEqual([]);
    await Promise.all([follower, otherRules, late].map(({ guard }) => guard.stop()));
  });

  test('that was ended by other rules does not come back with the old ones', async () => {
    const shared = newShared(redis);
    const gateways = [newGateway(open, shared), newGateway(open, shared)] as const;
    await Promise.all(gateways.map(({ guard }) => guard.start()));
    // Both judge it, at almost the same time.
    gateways[1].clock.ms += 7;
    gateways.forEach(breakIt);
    await eventually(() => redis.redis.hexists(shared.keys('canary-rollbacks'), upstream).then(Boolean));

    gateways.forEach(({ change }) => change({ percent: 0 }));
    await eventually(async () => (await redis.redis.hlen(shared.keys('canary-rollbacks'))) === 0);
    gateways.forEach(({ change }) => change(open));
    const late = newGateway(open, shared);
    await late.guard.start();

    for (const { isRolledBack } of [...gateways, late]) expect(isRolledBack()).toBe(false);
    await Promise.all([...gateways, late].map(({ guard }) => guard.stop()));
  });

  test('ends when canaries are there and none is of the version that failed', async () => {
    const shared = newShared(redis);
    const gateway = newGateway(open, shared);
    await gateway.guard.start();
    breakIt(gateway);

    shared.instances = [stable];
    await gateway.guard.stop();
    await gateway.guard.start();
    expect(gateway.isRolledBack()).toBe(true);
    shared.instances = [stable, canary, instance('1.2.0', true)];
    await gateway.guard.stop();
    await gateway.guard.start();
    expect(gateway.isRolledBack()).toBe(true);
    shared.instances = [stable, instance('1.2.0', true)];

    await eventually(() => !gateway.isRolledBack());
    await gateway.guard.stop();
  });

  test('is told again when Redis has lost it', async () => {
    const shared = newShared(redis);
    const gateway = newGateway(open, shared);
    await gateway.guard.start();
    breakIt(gateway);
    const isKept = () => redis.redis.hexists(shared.keys('canary-rollbacks'), upstream).then(Boolean);
    await eventually(isKept);

    await redis.redis.del(shared.keys('canary-rollbacks'));

    await eventually(isKept);
    expect(gateway.isRolledBack()).toBe(true);
    await gateway.guard.stop();
  });

  test('holds without Redis where it was judged, and what Redis holds of others is not believed blindly', async () => {
    const away = redis.redis.duplicate({ enableOfflineQueue: false });
    const alone = newGateway(open, { ...newShared(redis), redis: away });
    await alone.guard.start();
    breakIt(alone);
    expect(alone.isRolledBack()).toBe(true);
    await alone.guard.stop();

    const shared = newShared(redis);
    await redis.redis.hset(
      shared.keys('canary-rollbacks'),
      upstream,
      '{"by":"another release"}',
      'x',
      'no JSON',
    );
    const gateway = newGateway(open, shared);
    await gateway.guard.start();
    expect(gateway.isRolledBack()).toBe(false);
    await gateway.guard.stop();
    away.disconnect();
  });
});
