import { createKeys } from '@onrush/chassis/redis';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { createBucketedSales } from '../src/data/bucketed-sales';
import { activityOf, deal, homeOf, salesOf } from '../src/domain/bucket';
import {
  hasForgotten,
  mostUnitsBetween,
  onTheWay,
  unitsIn,
  type BucketLook,
  type StockLook,
} from '../src/domain/stock-look';

const id = '7200000000000000001';

test('an activity of one bucket is the live sale itself', () => {
  expect(salesOf({ id, buckets: 1 })).toEqual([id]);
  expect(homeOf({ id, buckets: 1 }, '5')).toBe(id);
});

test('every user has one home, which stays the same, and homes are dealt out about evenly', () => {
  const activity = { id, buckets: 5 };
  const homes = Array.from({ length: 10_000 }, (_, user) => homeOf(activity, String(user)));

  expect(homes).toEqual(Array.from({ length: 10_000 }, (_, user) => homeOf(activity, String(user))));
  const counts = salesOf(activity).map((sale) => homes.filter((home) => home === sale).length);
  expect(counts).toHaveLength(5);
  expect(Math.min(...counts)).toBeGreaterThan(1_700);
});

test('the live sale of a bucket tells its activity', () => {
  expect(salesOf({ id, buckets: 64 }).map(activityOf)).toEqual(Array(64).fill(id));
  expect(new Set(salesOf({ id, buckets: 64 })).size).toBe(64);
});

test.each([
  [10, 3, [3, 3, 4]],
  [2, 3, [0, 1, 1]],
  [0, 2, [0, 0]],
])('%i units are dealt to %i buckets', (units, buckets, dealt) => {
  expect(deal(units, buckets)).toEqual(dealt);
});

const bucket = (facts: Partial<BucketLook>): BucketLook => ({
  sale: 's',
  free: 0,
  came: 0,
  sent: [0, 0],
  got: [0, 0],
  ...facts,
});
const look = (...buckets: BucketLook[]): StockLook => ({ epoch: '1', perUserLimit: 1, buckets });

test('a unit that moves while the buckets are looked at is counted once', () => {
  const takenAndNotCome = look(bucket({ sent: [0, 2] }), bucket({ free: 3 }));
  const seenAtHomeBeforeItCame = look(bucket({ free: 2 }), bucket({ free: 5, got: [2, 0] }));

  expect(unitsIn(takenAndNotCome)).toBe(5);
  expect(unitsIn(seenAtHomeBeforeItCame)).toBe(5);
  expect(onTheWay(takenAndNotCome)).toEqual([{ from: 0, to: 1, sent: 2 }]);
  expect(onTheWay(seenAtHomeBeforeItCame)).toEqual([]);
});

test('what came between two looks may have been there all the time', () => {
  const before = look(bucket({}), bucket({ came: 4 }));
  const after = look(bucket({ came: 1 }), bucket({ came: 4 }));

  expect(mostUnitsBetween(before, before)).toBe(0);
  expect(mostUnitsBetween(before, after)).toBe(1);
  expect(mostUnitsBetween(before, { ...before, epoch: '2' })).toBe(Number.POSITIVE_INFINITY);
});

test('a bucket that got what nobody has sent tells that another one has forgotten it', () => {
  const got = look(bucket({}), bucket({ got: [2, 0] }));

  expect(hasForgotten(got, look(bucket({ sent: [0, 1] }), bucket({})))).toBe(true);
  expect(hasForgotten(got, look(bucket({ sent: [0, 2] }), bucket({})))).toBe(false);
});

/** Buys in the first of two buckets, which has nothing; the others are what `looks` says, one after another. */
function startSoldOut(looks: (StockLook | Error)[]) {
  const activity = { id: '12', buckets: 2 };
  const [sale = ''] = salesOf(activity);
  const sales = createBucketedSales({
    sales: {
      buy: () => Promise.resolve({ answers: [{ accepted: false, reason: 'sold-out' }], soldOut: undefined }),
    } as never,
    buckets: { of: () => Promise.resolve(activity), homeOf: () => sale },
    moves: {
      look: () => {
        const next = looks.shift();
        return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
      },
    } as never,
    hot: { hlen: () => Promise.resolve(3) } as never,
    keys: createKeys('', 'seckill'),
    logger: silentLogger,
  });
  const purchase = { activityId: '12', userId: '1', quantity: 1, idempotencyKey: '', tokenId: '' };
  return () => sales.buy(sale, [{ ...purchase, reservationId: '1', orderNo: '2' }]);
}

test('"sold out" is said only when nothing came between the last two looks', async () => {
  const looks = [0, 1, 1].map((came) => look(bucket({ came }), bucket({})));
  const buy = startSoldOut(looks);

  const decision = await buy();

  expect(decision.answers).toEqual([{ accepted: false, reason: 'sold-out' }]);
  expect(looks).toEqual([]);
  expect(decision.soldOut).toEqual({ epoch: '1', perUserLimit: 1, buyers: 3 });
});

test('after a bucket could not be asked, nobody waits for it until it has rested', async () => {
  const looks = [new Error('away'), new Error('away')];
  const buy = startSoldOut(looks);

  const decisions = [await buy(), await buy()];

  const undecided = { answers: [{ accepted: false, reason: 'undecided' }], soldOut: undefined };
  expect(decisions).toEqual([undecided, undecided]);
  expect(looks).toHaveLength(1);
});
