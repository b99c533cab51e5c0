import { createBuckets } from '../src/limits/buckets';
import { sharesOf } from '../src/limits/shares';
import type { Gateways } from '../src/limits/gateways';
import { createWorld, drain, type World } from './rate-limiter-fixture';

const share = { rate: 10, burst: 5 };
const full = { share, most: 100, now: 0 };

describe('local buckets', () => {
  const takeAll = (bucket: { tokens: number }) => {
    const taken = Math.floor(bucket.tokens);
    bucket.tokens -= taken;
    return taken;
  };

  test('hold what they are given by the rate, and no more than the burst', () => {
    const buckets = createBuckets(full);
    expect(takeAll(buckets.of('a', 0))).toBe(5);

    expect(takeAll(buckets.of('a', 99))).toBe(0);
    expect(takeAll(buckets.of('a', 200))).toBe(2);
    expect(takeAll(buckets.of('a', 60_000))).toBe(5);
  });

  test('fill by the rate of each time, also where nobody looked meanwhile', () => {
    const buckets = createBuckets(full);
    takeAll(buckets.of('a', 0));

    buckets.divide({ rate: 1, burst: 5 }, 100);
    buckets.divide({ rate: 20, burst: 5 }, 1_100);

    expect(buckets.of('a', 1_150).tokens).toBeCloseTo(1 + 1 + 1);
  });

  test('of a share that grows are not full of it at once, neither old ones nor new ones', () => {
    const buckets = createBuckets(full);
    buckets.of('old', 0);

    buckets.divide({ rate: 10, burst: 10 }, 0);

    expect(buckets.of('old', 100).tokens).toBeCloseTo(6);
    expect(buckets.of('new', 100).tokens).toBeCloseTo(6);
  });

  test('of a share that shrinks lose what is above it', () => {
    const buckets = createBuckets(full);
    buckets.of('a', 0);

    buckets.divide({ rate: 10, burst: 2 }, 0);

    expect(takeAll(buckets.of('a', 0))).toBe(2);
  });

  test('are never more than the bound, and a flood of new callers hands out no fresh burst to one who is pushed out', () => {
    const buckets = createBuckets(full);
    let taken = takeAll(buckets.of('greedy', 0));

    for (let caller = 0; caller < 1_000; caller += 1) {
      takeAll(buckets.of(`other ${caller}`, 0));
      expect(buckets.size()).toBeLessThanOrEqual(100);
    }
    taken += takeAll(buckets.of('greedy', 0));

    expect(taken).toBe(5);
    expect(takeAll(buckets.of('greedy', 100))).toBe(1);
  });

  test('that are full make room for new ones, and those keep their burst', () => {
    const buckets = createBuckets(full);
    for (let caller = 0; caller < 100; caller += 1) takeAll(buckets.of(`first ${caller}`, 0));

    for (let caller = 0; caller < 100; caller += 1)
      expect(takeAll(buckets.of(`second ${caller}`, 500))).toBe(5);
  });

  test('that are full are forgotten by and by, the others are not', () => {
    const buckets = createBuckets(full);
    for (let caller = 0; caller < 50; caller += 1) buckets.of(`idle ${caller}`, 0);
    takeAll(buckets.of('busy', 0));

    buckets.sweep(100);

    expect(buckets.size()).toBe(1);
    expect(takeAll(buckets.of('busy', 100))).toBe(1);
  });
});

describe('the shares of all gateways and of Redis', () => {
  const gateways = (size: number, change: Partial<Gateways> = {}): Gateways => ({
    size,
    divisor: size,
    phase: 'settled',
    ...change,
  });

  test('add up to exactly the limit, however many gateways there are', () => {
    for (let size = 1; size <= 40; size += 1) {
      for (const burst of [1, 2, 3, 7, 40, 99, 1_000]) {
        const { local, shared } = sharesOf({ rate: burst, burst }, gateways(size), true);
        expect(size * local.burst + shared.burst).toBe(burst);
        expect(size * local.rate + shared.rate).toBeCloseTo(burst);
      }
    }
  });

  test('never add up to more while gateways count differently', () => {
    for (let size = 1; size <= 10; size += 1) {
      for (const burst of [1, 3, 7, 40, 99]) {
        const limit = { rate: burst, burst };
        const old = sharesOf(limit, gateways(size), true);
        const heard = sharesOf(limit, gateways(size + 1, { phase: 'changing' }), true);
        const newest = sharesOf(limit, gateways(size + 1, { divisor: Infinity, phase: 'changing' }), true);
        expect(newest.local.burst).toBe(0);
        expect(heard.local.burst).toBeLessThanOrEqual(old.local.burst);
        expect(size * old.local.burst + heard.shared.burst).toBeLessThanOrEqual(burst);
      }
    }
  });

  test('without Redis are a part of the whole each', () => {
    expect(sharesOf({ rate: 20, burst: 40 }, gateways(4), false).local).toEqual({ rate: 5, burst: 10 });
    expect(sharesOf({ rate: 20, burst: 3 }, gateways(4), false).local.burst).toBe(0);
  });

  test('of what fills slowly are in Redis whole', () => {
    expect(sharesOf({ rate: 1, burst: 31 }, gateways(1), true)).toMatchObject({
      local: { burst: 0 },
      shared: { burst: 31 },
    });
  });

  test('leases of all gateways leave something for one that has none', () => {
    for (const size of [1, 4, 30]) {
      const { chunk, heldMost, shared } = sharesOf({ rate: 1_000, burst: 1_000 }, gateways(size), true);
      expect(chunk).toBeGreaterThanOrEqual(1);
      expect(heldMost).toBeLessThanOrEqual(shared.burst / 2);
    }
  });
});

describe('a limiter whose memory is full', () => {
  let world: World;
  beforeEach(() => {
    world = createWorld('memory', { buy: { address: { rate: 10, burst: 100 } } });
  });
  afterEach(() => world.stop());

  test('gives one who comes back after a flood of others no more than before', async () => {
    const gateway = await world.start({ now: () => 0, mostCallers: 50 });
    const take = () => gateway.limiter.takeForAddress('buy', '1.1.1.1');
    const began = performance.now();
    let allowed = await drain(take);

    for (let other = 0; other < 200; other += 1)
      await gateway.limiter.takeForAddress('buy', `2.2.2.${other}`);
    allowed += await drain(take);

    // What Redis added meanwhile came by the rate.
    expect(allowed).toBeLessThanOrEqual(100 + Math.ceil((performance.now() - began) / 100));
  });
});
