import { testNamespace } from '@onrush/chassis/testing/infrastructure';
import { createTestRedis, type TestRedis } from '@onrush/chassis/testing/redis';
import { canary, newShared, newGateway, stable, upstream } from './canary-fixture';

let redis: TestRedis;
beforeAll(async () => {
  redis = await createTestRedis(testNamespace('canaryguard'));
});
afterAll(() => redis.cleanup());

const newGuard = (entry: object) => newGateway(entry, newShared(redis));
const open = { percent: 5 };

describe('a canary is rolled back', () => {
  test('after ten failures in a row, whatever went well before, and it says so', async () => {
    const { guard, answers, lines, metric, isRolledBack } = newGuard(open);
    answers(canary, 50_050, { everyNth: 100 });

    answers(canary, 9, { everyNth: 1 });
    expect(isRolledBack()).toBe(false);
    answers(canary, 1, { everyNth: 1 });

    expect(isRolledBack()).toBe(true);
    expect(guard.isClosed(upstream)).toBe(true);
    expect(await metric('gateway_canary_rolled_back')).toEqual([1]);
    expect(await metric('gateway_canary_rollbacks_total')).toEqual([1]);
    expect(lines).toEqual([
      expect.objectContaining({
        msg: 'canary rolled back',
        upstream,
        version: '1.1.0',
        reason: 'errors',
        requests: 10,
        bad: 10,
        stableRequests: 0,
      }),
    ]);
  });

  test('that fails half of its requests while few come', () => {
    const { answers, clock, isRolledBack } = newGuard(open);
    for (let turn = 0; turn < 30; turn += 1) {
      clock.ms += 5_000;
      answers(canary, 1, { everyNth: turn % 2 === 0 ? 1 : Infinity });
    }

    expect(isRolledBack()).toBe(true);
  });

  test('that is a little above its budget, within two windows', () => {
    const { both, clock, isRolledBack } = newGuard(open);
    const began = clock.ms;
    while (!isRolledBack() && clock.ms < began + 20_000) both(15, 15, 1_000);

    expect(isRolledBack()).toBe(true);
  });

  test('when more than 5 % of its answers are slower than p95 may be', () => {
    const { answers, isRolledBack, lines } = newGuard({ ...open, rollback: { p95_ms: 100 } });
    answers(stable, 1_000);

    answers(canary, 400, { everyNth: 8, ms: 101, outcome: 'ok' });

    expect(isRolledBack()).toBe(true);
    expect(lines[0]).toMatchObject({ msg: 'canary rolled back', reason: 'latency' });
  });

  test('when clients leave before its slow answers come', () => {
    const { answers, isRolledBack } = newGuard({ ...open, rollback: { p95_ms: 100 } });

    answers(canary, 20, { everyNth: 1, ms: 5_000, outcome: 'abandoned' });

    expect(isRolledBack()).toBe(true);
  });
});

describe('a canary stays', () => {
  test('when it keeps its budget', () => {
    const { answers, isRolledBack } = newGuard(open);

    answers(canary, 50_000, { everyNth: 33 });

    expect(isRolledBack()).toBe(false);
  });

  test('when the stable version fails as much: what they share is down', () => {
    const { both, isRolledBack } = newGuard(open);
    both(5_000, 100, 100);

    both(5_000, 1, 1);
    both(5_000, 3, 3);

    expect(isRolledBack()).toBe(false);
  });

  test('but not when it fails alone after that', () => {
    const { both, answers, isRolledBack } = newGuard(open);
    both(20_000, 3, 3);
    both(11_000, Infinity, 1_000);
    expect(isRolledBack()).toBe(false);

    answers(canary, 20, { everyNth: 1 });

    expect(isRolledBack()).toBe(true);
  });

  test('when the stable version is as slow', () => {
    const { guard, clock, isRolledBack } = newGuard({ ...open, rollback: { p95_ms: 100 } });

    for (let turn = 0; turn < 2_000; turn += 1) {
      clock.ms += 1;
      for (const one of [stable, stable, stable, canary])
        guard.observe(one, 'ok', turn % 10 === 0 ? 200 : 20);
    }

    expect(isRolledBack()).toBe(false);
  });

  test('when clients leave early', () => {
    const { answers, isRolledBack } = newGuard({ ...open, rollback: { p95_ms: 100 } });

    answers(canary, 1_000, { everyNth: 1, outcome: 'abandoned' });

    expect(isRolledBack()).toBe(false);
  });

  test('when only few answers are there, and they are mixed', () => {
    const { answers, isRolledBack } = newGuard(open);

    answers(canary, 18, { everyNth: 3 });

    expect(isRolledBack()).toBe(false);
  });

  test('when its bad answers are too far apart to be of one window', () => {
    const { answers, clock, isRolledBack } = newGuard(open);

    answers(canary, 12, { everyNth: 3 });
    clock.ms += 15_000;
    answers(canary, 12, { everyNth: 3 });

    expect(isRolledBack()).toBe(false);
  });

  test('when it is not judged: only staff use it, errors are allowed, or latency has no budget', () => {
    const staffOnly = newGuard({});
    staffOnly.answers(canary, 1_000, { everyNth: 1 });
    const tolerant = newGuard({ ...open, rollback: { error_rate: 1 } });
    tolerant.answers(canary, 1_000, { everyNth: 1 });
    const slow = newGuard(open);
    slow.answers(canary, 1_000, { ms: 60_000 });
    const anotherVersion = newGuard({ ...open, version: '1.2.0' });
    anotherVersion.answers(canary, 1_000, { everyNth: 1 });

    for (const { isRolledBack } of [staffOnly, tolerant, slow, anotherVersion])
      expect(isRolledBack()).toBe(false);
  });
});

test('as many requests wait for a canary as may, and no more', () => {
  const { guard, isRolledBack } = newGuard({ ...open, rollback: { max_pending: 3 } });
  for (let index = 0; index < 9; index += 1) guard.started(stable);
  guard.started(canary);
  guard.started(canary);
  expect(guard.isClosed(upstream)).toBe(false);

  guard.started(canary);
  expect(guard.isClosed(upstream)).toBe(true);
  expect(isRolledBack()).toBe(false);

  guard.observe(stable, 'ok', 5);
  expect(guard.isClosed(upstream)).toBe(true);
  guard.observe(canary, 'abandoned', 5);
  expect(guard.isClosed(upstream)).toBe(false);
});

test('what waits is counted across a change of the rules', () => {
  const { guard, change } = newGuard({ ...open, version: '1.1.0', rollback: { max_pending: 1 } });
  guard.started(canary);

  change({ ...open, version: '1.2.0', rollback: { max_pending: 1 } });
  expect(guard.isClosed(upstream)).toBe(true);
  guard.observe(canary, 'ok', 5);

  expect(guard.isClosed(upstream)).toBe(false);
});
