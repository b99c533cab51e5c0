import { createMetrics } from '@onrush/chassis/metrics';
import { recordingLogger } from '@onrush/chassis/testing/logger';
import { longestTimeoutMs } from '../src/routes';
import { createCircuitBreaker, type CallOutcome } from '../src/upstream/circuit-breaker';

function create() {
  const clock = { ms: 1_000 };
  const metrics = createMetrics({ service: 'test' });
  const { logger, lines } = recordingLogger();
  const breaker = createCircuitBreaker({ upstream: 'a', now: () => clock.ms, metrics, logger });
  const calls = (outcome: CallOutcome, count: number) => {
    for (let call = 0; call < count; call += 1) breaker.leave(breaker.enter(), outcome);
  };
  const isOpen = async () =>
    (await metrics.registry.getSingleMetric('gateway_breaker_open')?.get())?.values[0];
  return { clock, breaker, calls, lines, isOpen };
}

test('it opens when half of at least twenty calls failed', () => {
  const { breaker, calls } = create();
  calls('ok', 10);
  calls('failed', 9);
  const before = breaker.enter();
  breaker.leave(before, 'failed');

  const after = breaker.enter();

  expect(before).toBeGreaterThan(0);
  expect(after).toBe(0);
  expect(breaker.reopensInMs()).toBe(2_000);
});

test('it stays closed with fewer calls, with fewer failures, and with failures of long ago', () => {
  const few = create();
  const mostlyWell = create();
  const longAgo = create();

  few.calls('failed', 19);
  mostlyWell.calls('ok', 51);
  mostlyWell.calls('failed', 50);
  longAgo.calls('failed', 19);
  longAgo.clock.ms += 11_000;
  longAgo.calls('ok', 1);
  longAgo.calls('failed', 18);

  expect([few, mostlyWell, longAgo].map(({ breaker }) => breaker.isClosed())).toEqual([true, true, true]);
});

test('clients that went away decide nothing', () => {
  const { breaker, calls } = create();

  calls('ignored', 100);
  calls('failed', 19);

  expect(breaker.isClosed()).toBe(true);
});

test('after two seconds one call at a time probes, and a good one closes it', () => {
  const { clock, breaker, calls } = create();
  calls('failed', 20);
  clock.ms += 1_999;
  const early = breaker.enter();
  clock.ms += 1;

  const probe = breaker.enter();
  const meanwhile = breaker.enter();
  breaker.leave(probe, 'ok');
  const after = breaker.enter();

  expect(early).toBe(0);
  expect(probe).toBeGreaterThan(0);
  expect(meanwhile).toBe(0);
  expect(after).toBeGreaterThan(0);
});

test('a failed probe keeps it open for two seconds more', () => {
  const { clock, breaker, calls } = create();
  calls('failed', 20);
  clock.ms += 2_000;
  breaker.leave(breaker.enter(), 'failed');

  clock.ms += 1_999;
  const early = breaker.enter();
  clock.ms += 1;
  const next = breaker.enter();

  expect(early).toBe(0);
  expect(next).toBeGreaterThan(0);
});

test('a probe whose client went away, or that never comes back, is followed by another', () => {
  const { clock, breaker, calls } = create();
  calls('failed', 20);
  clock.ms += 2_000;
  breaker.leave(breaker.enter(), 'ignored');

  const lost = breaker.enter();
  // The longest time that a route may take: until then, it may still come back.
  clock.ms += longestTimeoutMs;
  const early = breaker.enter();
  clock.ms += 5_000;
  const next = breaker.enter();

  expect(lost).toBeGreaterThan(0);
  expect(early).toBe(0);
  expect(next).toBeGreaterThan(0);
});

test('while a probe is out, nobody is told to wait longer than for the next one', () => {
  const { clock, breaker, calls } = create();
  calls('failed', 20);
  clock.ms += 2_000;

  breaker.enter();

  expect(breaker.reopensInMs()).toBe(2_000);
});

test('a call from before the opening does not decide the probe', () => {
  const { clock, breaker, calls } = create();
  const old = breaker.enter();
  calls('failed', 20);
  clock.ms += 2_000;
  const probe = breaker.enter();

  breaker.leave(old, 'ok');

  expect(breaker.isClosed()).toBe(false);
  breaker.leave(probe, 'ok');
  expect(breaker.isClosed()).toBe(true);
});

test('each change is one line and one value of the gauge', async () => {
  const { clock, breaker, calls, lines, isOpen } = create();
  const closed = await isOpen();
  calls('failed', 20);
  const opened = await isOpen();
  clock.ms += 2_000;
  breaker.leave(breaker.enter(), 'failed');
  clock.ms += 2_000;
  breaker.leave(breaker.enter(), 'ok');

  const again = await isOpen();

  expect([closed, opened, again].map((value) => value?.value)).toEqual([0, 1, 0]);
  expect(lines.map(({ msg }) => msg)).toEqual(['circuit breaker opened', 'circuit breaker closed']);
  expect(lines[0]).toMatchObject({ upstream: 'a', calls: 20, failures: 20 });
});
