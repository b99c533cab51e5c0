import { createMetrics } from '@onrush/chassis/metrics';
import { createConcurrencyLimit, shed, type Priority } from '../src/limits/concurrency-limit';
import { simulate, type Phase } from './queue-simulation';

function create(
  options: { initial?: number; min?: number; loopDelayMs?: () => number; rttFloorMs?: number } = {},
) {
  const clock = { ms: 1_000 };
  const metrics = createMetrics({ service: 'test' });
  const limit = createConcurrencyLimit({
    initial: 20,
    min: 8,
    max: 10_000,
    rttFloorMs: 1,
    now: () => clock.ms,
    metrics,
    ...options,
  });
  const fill = (priority: Priority) => {
    let taken = 0;
    while (limit.acquire(priority) !== shed) taken += 1;
    return taken;
  };
  const run = (...phases: Phase[]) => simulate(limit, clock, phases);
  return { clock, limit, metrics, fill, run };
}

/** Twenty servers of 10 ms each: two answers a millisecond at most. */
const servers = 20;
const peakPerMs = 2;

describe('on a simulated server', () => {
  test('at ten times the load it can carry, at least 80 % of the peak is answered in time', () => {
    const { run } = create();

    const [, steady] = run(
      { forMs: 5_000, servers, crowdPerMs: 20 },
      { forMs: 20_000, servers, crowdPerMs: 20 },
    );

    expect(steady?.goodPerMs).toBeGreaterThan(0.8 * peakPerMs);
    expect(steady?.timedOut).toBe(0);
  });

  test('the limit stays near the capacity, however long the crowd stays', () => {
    const { run } = create();

    const results = run(...[1, 2, 3].map(() => ({ forMs: 60_000, servers, crowdPerMs: 3 })));

    // Seven tenths of it are the crowd's; twice the usual latency is tolerated.
    for (const { limit } of results) {
      expect(limit * 0.7).toBeGreaterThan(servers);
      expect(limit * 0.7).toBeLessThan(servers * 3.5);
    }
  });

  test('it falls with the capacity, and comes back with it', () => {
    const { run } = create();
    const crowdPerMs = 20;

    const [full, , half, , again] = run(
      { forMs: 20_000, servers, crowdPerMs },
      { forMs: 10_000, servers: servers / 4, crowdPerMs },
      { forMs: 20_000, servers: servers / 4, crowdPerMs },
      { forMs: 10_000, servers, crowdPerMs },
      { forMs: 20_000, servers, crowdPerMs },
    );

    expect(half?.limit).toBeLessThan((full?.limit ?? 0) / 2);
    expect(half?.goodPerMs).toBeGreaterThan((0.8 * peakPerMs) / 4);
    expect(again?.limit).toBeGreaterThan((full?.limit ?? 0) * 0.8);
    expect(again?.goodPerMs).toBeGreaterThan(0.8 * peakPerMs);
  });

  test('a crowd of ten times the capacity sheds no winner', () => {
    const { run } = create();

    const results = run(
      { forMs: 5_000, servers, crowdPerMs: 20, winnersPerMs: 0.5 },
      { forMs: 5_000, servers: servers / 2, crowdPerMs: 20, winnersPerMs: 0.5 },
      { forMs: 5_000, servers, crowdPerMs: 20, winnersPerMs: 0.5 },
    );

    expect(results.map(({ shedWinners }) => shedWinners)).toEqual([0, 0, 0]);
    expect(results.map(({ shedCrowd }) => shedCrowd > 50_000)).toEqual([true, true, true]);
  });

  test('latencies below the floor do not shrink it', () => {
    const { run } = create({ initial: 100, rttFloorMs: 50 });

    const [, crowd] = run(
      { forMs: 5_000, servers, crowdPerMs: 0.5 },
      { forMs: 20_000, servers, crowdPerMs: 20 },
    );

    // 70 in flight on 20 servers take 35 ms each, where 10 ms are usual.
    expect(crowd?.limit).toBeGreaterThanOrEqual(100);
  });
});

test('each priority has its share, and winners get in where all is taken', () => {
  const { limit, fill } = create({ initial: 100 });

  const taken = [fill('crowd'), fill('normal'), fill('winner')];

  expect(taken).toEqual([70, 15, 115]);
  expect(limit.inFlight()).toBe(200);
});

test('what is released can be taken again', () => {
  const { limit, fill } = create({ initial: 100 });
  fill('crowd');
  limit.release(1, 'ignored');

  const next = limit.acquire('crowd');

  expect(next).not.toBe(shed);
});

test('timeouts shrink it by a tenth for each window, one slow route of many does not', () => {
  const { clock, limit } = create({ initial: 150 });
  const window = (dropped: number) => {
    const tokens = Array.from({ length: 100 }, () => limit.acquire('crowd'));
    clock.ms += 200;
    tokens.forEach((token, index) => limit.release(token, index < dropped ? 'dropped' : 'ok'));
    return limit.limit();
  };

  const afterNone = window(0);
  const afterOne = window(1);
  const afterMany = window(5);

  expect(afterOne).toBeGreaterThan(afterNone);
  expect(afterMany).toBeLessThanOrEqual(Math.ceil(afterOne * 0.9));
  expect(afterMany).toBeGreaterThanOrEqual(Math.floor(afterOne * 0.9));
});

test('it does not grow while less than half of it is used, and never leaves its bounds', () => {
  const { clock, limit } = create({ initial: 1_000, min: 900 });
  for (let window = 0; window < 100; window += 1) {
    const tokens = Array.from({ length: 300 }, () => limit.acquire('normal'));
    clock.ms += 200;
    for (const token of tokens) limit.release(token, 'ok');
  }
  const unused = limit.limit();

  for (let window = 0; window < 100; window += 1) {
    const tokens = Array.from({ length: 300 }, () => limit.acquire('normal'));
    clock.ms += 200;
    for (const token of tokens) limit.release(token, 'dropped');
  }

  expect(unused).toBe(1_000);
  expect(limit.limit()).toBe(900);
});

describe('what has become of the limit', () => {
  /** Windows of 50 ms and 100 answers, or longer ones, in which so many are in flight at once, and wait so long. */
  function windows(
    { clock, limit }: ReturnType<typeof create>,
    wanted: { count: number; inFlight: number; rttMs: number },
  ): number {
    const rounds = Math.ceil(Math.max(100 / wanted.inFlight, 50 / wanted.rttMs));
    for (let round = 0; round < wanted.count * rounds; round += 1) {
      const tokens = Array.from({ length: wanted.inFlight }, () => limit.acquire('winner'));
      clock.ms += wanted.rttMs;
      for (const token of tokens) limit.release(token, 'ok');
    }
    return limit.limit();
  }
  /** It knows that a millisecond is usual. */
  function createRested(options: { initial: number; min?: number }): ReturnType<typeof create> {
    const created = create({ rttFloorMs: 10, ...options });
    windows(created, { count: 5, inFlight: 5, rttMs: 1 });
    return created;
  }

  test('a queue that stands for three windows is cut to what is answered in 20 ms', () => {
    const created = createRested({ initial: 1_000 });

    const before = windows(created, { count: 2, inFlight: 700, rttMs: 100 });
    const after = windows(created, { count: 1, inFlight: 700, rttMs: 100 });

    expect(before).toBe(1_000);
    // Up to seven answers a millisecond, and of the limit the crowd has seven tenths.
    expect(after).toBeGreaterThan(100);
    expect(after).toBeLessThan(200);
  });

  test('winners in a queue, who are as many again, do not raise it', () => {
    const created = createRested({ initial: 1_000 });

    expect(windows(created, { count: 5, inFlight: 1_500, rttMs: 25 })).toBe(1_000);
  });

  test('a queue that leaves room in the share of the crowd is left alone', () => {
    const created = createRested({ initial: 1_000 });

    expect(windows(created, { count: 20, inFlight: 699, rttMs: 100 })).toBe(1_000);
  });

  test('stalls, and what gathers behind them, shed nobody afterwards', () => {
    const created = createRested({ initial: 1_000 });

    for (let stall = 0; stall < 5; stall += 1) {
      windows(created, { count: 1, inFlight: 700, rttMs: 300 });
      windows(created, { count: 1, inFlight: 700, rttMs: 60 });
      windows(created, { count: 1, inFlight: 400, rttMs: 60 });
    }

    expect(created.limit.limit()).toBe(1_000);
  });

  test('what a crowd has taken from it comes back when the crowd has gone, and no more', () => {
    const created = createRested({ initial: 1_000, min: 100 });
    const after = windows(created, { count: 3, inFlight: 700, rttMs: 100 });

    const soon = windows(created, { count: 5, inFlight: 20, rttMs: 20 });
    const later = windows(created, { count: 50, inFlight: 20, rttMs: 20 });

    expect(after).toBeLessThan(250);
    expect(soon).toBeGreaterThan(600);
    expect([999, 1_000]).toContain(later);
  });

  test('what it has grown beyond its beginning it keeps', () => {
    const created = createRested({ initial: 100 });
    const grown = windows(created, { count: 100, inFlight: 100, rttMs: 15 });

    const later = windows(created, { count: 50, inFlight: 20, rttMs: 20 });

    expect(grown).toBeGreaterThan(150);
    expect(later).toBe(grown);
  });
});

test('when the event loop is behind, the crowd gets less, and nobody else does', () => {
  const delay = { ms: 150 };
  const atEase = create({ initial: 100, loopDelayMs: () => delay.ms });
  const behind = create({ initial: 100, loopDelayMs: () => delay.ms });

  const before = atEase.fill('crowd');
  delay.ms = 400;
  const crowd = behind.fill('crowd');
  const normal = behind.fill('normal');

  expect([before, crowd, normal]).toEqual([70, 35, 50]);
});

test('the limit, the requests in flight and those shed are measured', async () => {
  const { metrics, fill } = create({ initial: 100 });
  fill('crowd');

  const text = await metrics.registry.metrics();

  expect(text).toMatch(/^gateway_concurrency_limit\{.*\} 100$/m);
  expect(text).toMatch(/^gateway_in_flight\{.*\} 70$/m);
  expect(text).toMatch(/^gateway_shed_total\{priority="crowd".*\} 1$/m);
});
