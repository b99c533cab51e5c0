import { createMetrics } from '@onrush/chassis/metrics';
import type { Logger } from '@onrush/chassis/logger';
import { recordingLogger, silentLogger } from '@onrush/chassis/testing/logger';
import { metricOf } from '@onrush/chassis/testing/metrics';
import type { Decision } from '../src/data/live-sale';
import { errors } from '../src/errors';
import { createBuyBatcher, type BuyOutcome } from '../src/use-cases/buy';
import { createSoldOutMemory } from '../src/use-cases/sold-out';

const purchase = { activityId: '1', userId: '2', quantity: 1, idempotencyKey: 'k', token: '' };
type Answers = Decision['answers'];

/** A batcher of one purchase a run, whose runs end when the test says so. */
function startBatcher(nextId: () => string = () => '7', logger: Logger = silentLogger) {
  const runs: ((answers: Answers | Error) => void)[] = [];
  const sales = {
    buy: () =>
      new Promise<Decision>((resolve, reject) =>
        runs.push((answers) =>
          answers instanceof Error ? reject(answers) : resolve({ answers, soldOut: undefined }),
        ),
      ),
  };
  const metrics = createMetrics({ service: 'test' });
  const readBuyers = () => Promise.resolve(new Set<string>());
  const batcher = createBuyBatcher({
    sales,
    buckets: { homeOf: (activityId) => activityId },
    soldOut: createSoldOutMemory({ readBuyers, ttlMs: 0, logger: silentLogger, metrics }),
    ids: { nextId },
    purchaseTokens: { issue: () => ({ token: '', expiresAt: new Date() }), idOf: () => undefined },
    onAccepted: () => undefined,
    batchSize: 1,
    queueLimit: 10,
    logger,
    metrics,
  });
  const metric = (name: string, labels?: Record<string, string>) => metricOf(metrics, name, labels);
  return { batcher, runs, metric };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));
afterEach(() => jest.restoreAllMocks());

test('who has waited a second behind a Redis that hangs is told to come back, and buys nothing', async () => {
  let now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  const { batcher, runs } = startBatcher();
  const outcomes: BuyOutcome[] = [];
  batcher.submit(purchase, (outcome) => outcomes.push(outcome));
  batcher.submit(purchase, (outcome) => outcomes.push(outcome));
  await turn();

  now = 1_000;
  runs[0]?.([{ accepted: true, reservationId: '1', orderNo: '2' }]);
  await turn();

  expect(runs).toHaveLength(1);
  expect(outcomes).toMatchObject([{ reservationId: '1' }, { reason: 'UNAVAILABLE', retryAfterSeconds: 1 }]);
});

test('whoever waits behind a run that got no answer is told to come back with it, not after a time-out of their own', async () => {
  let now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  const { batcher, runs } = startBatcher();
  const outcomes: BuyOutcome[] = [];
  batcher.submit(purchase, (outcome) => outcomes.push(outcome));
  await turn();
  now = 900;
  batcher.submit(purchase, (outcome) => outcomes.push(outcome));

  now = 1_000;
  runs[0]?.(new Error('Command timed out'));
  await turn();
  batcher.submit(purchase, (outcome) => outcomes.push(outcome));
  await turn();

  expect(outcomes).toMatchObject([{ reason: 'UNAVAILABLE' }, { reason: 'UNAVAILABLE' }]);
  expect(runs).toHaveLength(2);
});

test('behind a run that was refused at once nobody is sent back', async () => {
  const { batcher, runs } = startBatcher();
  const outcomes: BuyOutcome[] = [];
  batcher.submit(purchase, (outcome) => outcomes.push(outcome));
  batcher.submit(purchase, (outcome) => outcomes.push(outcome));
  await turn();

  runs[0]?.(new Error('OOM command not allowed'));
  await turn();

  expect(runs).toHaveLength(2);
  expect(outcomes).toHaveLength(1);
});

test('without numbers a purchase is refused with 503, and the service goes on', async () => {
  let isAway = true;
  const { batcher, runs } = startBatcher(() => {
    if (isAway) throw errors.unavailable();
    return '7';
  });
  const outcomes: BuyOutcome[] = [];

  batcher.submit(purchase, (outcome) => outcomes.push(outcome));
  isAway = false;
  batcher.submit(purchase, (outcome) => outcomes.push(outcome));
  await turn();

  expect(outcomes).toMatchObject([{ reason: 'UNAVAILABLE' }]);
  expect(runs).toHaveLength(1);
});

test('a Redis that takes no writes is logged once, until it has taken one again', async () => {
  const { logger, lines } = recordingLogger();
  const { batcher, runs } = startBatcher(undefined, logger);
  const outOfMemory = new Error("OOM command not allowed when used memory > 'maxmemory'");
  const answers: (Answers | Error)[] = [
    outOfMemory,
    outOfMemory,
    [{ accepted: false, reason: 'sold-out' }],
    outOfMemory,
    [{ accepted: true, reservationId: '1', orderNo: '2' }],
    outOfMemory,
  ];

  for (const answer of answers) {
    batcher.submit(purchase, () => undefined);
    await turn();
    runs.at(-1)?.(answer);
    await turn();
  }

  expect(lines).toHaveLength(2);
});

test('a purchase is counted when it is asked for, and once more by what came of it', async () => {
  const { batcher, runs, metric } = startBatcher();
  const submit = () => batcher.submit(purchase, () => undefined);
  const counts = () =>
    Promise.all([
      metric('seckill_request_total'),
      metric('seckill_success_total'),
      metric('seckill_fail_reason', { reason: 'sold-out' }),
      metric('seckill_fail_reason', { reason: 'redis-refused' }),
      metric('seckill_fail_reason', { reason: 'queue-full' }),
    ]);
  expect(await counts()).toEqual([0, 0, 0, 0, 0]);

  for (let purchases = 0; purchases < 11; purchases += 1) submit();
  await turn();
  runs[0]?.([{ accepted: true, reservationId: '1', orderNo: '2' }]);
  await turn();
  expect(await counts()).toEqual([11, 1, 0, 0, 1]);
  runs[1]?.([{ accepted: false, reason: 'sold-out' }]);
  await turn();
  runs[2]?.(new Error('OOM command not allowed'));
  await turn();

  expect(await counts()).toEqual([11, 1, 1, 1, 1]);
  // Nothing is counted twice by whoever looks twice.
  expect(await counts()).toEqual([11, 1, 1, 1, 1]);
});

test('what cannot be numbered is counted, too', async () => {
  const { batcher, metric } = startBatcher(() => {
    throw new Error('no number');
  });

  batcher.submit(purchase, () => undefined);

  expect(await metric('seckill_fail_reason', { reason: 'not-numbered' })).toBe(1);
});
