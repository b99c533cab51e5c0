import type { Instance } from '@onrush/chassis/discovery';
import { createMetrics } from '@onrush/chassis/metrics';
import type { User } from '@onrush/chassis/request-context';
import { testNamespace } from '@onrush/chassis/testing/infrastructure';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { createTestRedis, type TestRedis } from '@onrush/chassis/testing/redis';
import { chooseCohort } from '../src/canary/canary';
import { createCanaryGuard, type CanaryGuard, type Outcome } from '../src/canary/canary-guard';
import type { CanaryRules } from '../src/canary/canary-rules';
import { canary, newShared, rulesOf, stable, upstream } from './canary-fixture';
import { createRandom } from './random';

const population = 100_000;
const requestsEachMs = 10;

let redis: TestRedis;
beforeAll(async () => {
  redis = await createTestRedis(testNamespace('canarysim'));
});
afterAll(() => redis.cleanup());

interface Answer {
  user: number;
  of: Instance;
  gateway: CanaryGuard;
  outcome: Outcome;
  ms: number;
}
type Behaviour = (random: () => number) => Pick<Answer, 'outcome' | 'ms'>;

const failing =
  (share: number, ms = 20): Behaviour =>
  (random) => ({ outcome: random() < share ? 'failed' : 'ok', ms });
const healthy = failing(0.01);

/**
 * 10,000 requests a second of 100,000 users through gateways that do not talk to each other, 5 % of the users on a canary that goes bad
 * after ten good seconds. Time is counted, not waited for.
 */
function simulate({
  seed,
  bad,
  gateways,
  p95Ms,
}: {
  seed: number;
  bad: Behaviour;
  gateways: number;
  p95Ms?: number;
}) {
  const random = createRandom(seed).next;
  const rules = rulesOf({ percent: 5, rollback: { ...(p95Ms && { p95_ms: p95Ms }) } });
  const rule = rules.of(upstream);
  const start = 1_700_000_000_000;
  let now = start;
  const guards = Array.from({ length: gateways }, () => newGuard(rules, () => now));
  const users = Array.from({ length: population }, (_, id): User => newUser(id));
  const answersAt = new Map<number, Answer[]>();
  const hurt = new Set<number>();
  let rolledBackAfterMs: number | undefined;

  function request(): void {
    const user = Math.floor(random() * population);
    const gateway = guards[Math.floor(random() * gateways)]!;
    const cohort = chooseCohort(rule, { user: users[user], address: '' }, gateway.isClosed(upstream));
    const of = cohort === 'canary' ? canary : stable;
    const isBad = of === canary && now >= start + 10_000;
    const { outcome, ms } = (isBad ? bad : healthy)(random);
    gateway.started(of);
    const due = answersAt.get(now + ms);
    const answer = { user, of, gateway, outcome, ms };
    if (due) due.push(answer);
    else answersAt.set(now + ms, [answer]);
    if (isBad && (outcome === 'failed' || ms > (p95Ms ?? Infinity))) hurt.add(user);
  }

  for (; now < start + 50_000 && (rolledBackAfterMs === undefined || answersAt.size > 0); now += 1) {
    for (const { of, gateway, outcome, ms } of answersAt.get(now) ?? []) gateway.observe(of, outcome, ms);
    answersAt.delete(now);
    if (guards.every((gateway) => gateway.isRolledBack(upstream))) rolledBackAfterMs ??= now - start - 10_000;
    else for (let count = 0; count < requestsEachMs; count += 1) request();
  }
  return { hurtShare: hurt.size / population, rolledBackAfterMs };
}

test.each<[string, Behaviour, number | undefined]>([
  ['fails everything', failing(1), undefined],
  ['fails half', failing(0.5), undefined],
  ['fails a fifth', failing(0.2), undefined],
  ['fails a tenth', failing(0.1), undefined],
  ['hangs until the time-out', failing(1, 3_000), undefined],
  ['is five times as slow', () => ({ outcome: 'ok', ms: 100 }), 50],
])('a canary that %s hurts at most 0.5 %% of the users and is out within 30 s', (_name, bad, p95Ms) => {
  for (const [seed, gateways] of [
    [1, 1],
    [2, 4],
  ] as const) {
    const { hurtShare, rolledBackAfterMs } = simulate({ seed, bad, gateways, ...(p95Ms && { p95Ms }) });

    expect(rolledBackAfterMs).toBeLessThanOrEqual(30_000);
    expect(rolledBackAfterMs).toBeGreaterThanOrEqual(0);
    expect(hurtShare).toBeLessThanOrEqual(0.005);
    expect(hurtShare).toBeGreaterThan(0);
  }
});

test('a canary that fails 1 % stays for an hour of many requests', () => {
  const random = createRandom(3).next;
  let now = 1_700_000_000_000;
  const guard = newGuard(rulesOf({ percent: 5 }), () => now);

  for (let count = 0; count < 500 * 3_600; count += 1) {
    now += 2;
    guard.observe(canary, random() < 0.01 ? 'failed' : 'ok', 20);
    if (count % 4 === 0) guard.observe(stable, 'ok', 20);
  }

  expect(guard.isRolledBack(upstream)).toBe(false);
});

test('and for a day of few', () => {
  const random = createRandom(5).next;
  let now = 1_700_000_000_000;
  const guard = newGuard(rulesOf({ percent: 5 }), () => now);

  for (let count = 0; count < 2 * 86_400; count += 1) {
    now += 500;
    guard.observe(canary, random() < 0.01 ? 'failed' : 'ok', 20);
  }

  expect(guard.isRolledBack(upstream)).toBe(false);
});

function newGuard(rules: CanaryRules, now: () => number): CanaryGuard {
  return createCanaryGuard({
    rules: () => rules,
    ...newShared(redis),
    discovery: { instances: () => [stable, canary] },
    logger: silentLogger,
    metrics: createMetrics({ service: 'test' }),
    now,
  });
}

const newUser = (id: number): User => ({
  id: String(9_000_000 + id),
  username: 'mei',
  roles: ['user'],
  permissions: [],
});
