import { createMetrics } from '@onrush/chassis/metrics';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { createSoldOutMemory } from '../src/use-cases/sold-out';

const activityId = '1';
const ttlMs = 1_000;
const soldOut = { epoch: '1', perUserLimit: 2, buyers: 2 };
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A memory whose clock the test moves, of a sale whose buyers it names. */
function start({ buyers = ['10', '11'], mostBuyers = 100 } = {}) {
  let time = 0;
  const held = { buyers, isAway: false };
  const reads: string[] = [];
  const memory = createSoldOutMemory({
    readBuyers: (id) => {
      reads.push(id);
      return held.isAway ? Promise.reject(new Error('away')) : Promise.resolve(new Set(held.buyers));
    },
    ttlMs,
    mostBuyers,
    logger: silentLogger,
    metrics: createMetrics({ service: 'test' }),
    now: () => time,
  });
  const covers = (changes: Record<string, unknown> = {}) =>
    memory.covers({ activityId, userId: '99', quantity: 1, idempotencyKey: '', token: '', ...changes });
  return {
    memory,
    reads,
    held,
    covers,
    pass: (ms: number) => (time += ms),
    /** What the script says once the buyers are known. */
    async learn(facts = soldOut, id = activityId) {
      memory.learn(id, facts, memory.asking());
      await turn();
    },
  };
}

async function startRemembering(options: Parameters<typeof start>[0] = {}) {
  const started = start(options);
  await started.learn();
  await started.learn();
  return started;
}

test('nothing is remembered before the buyers are known and the script has said it again', async () => {
  const { covers, learn, reads } = start();
  expect(covers()).toBe(false);

  await learn();
  expect(covers()).toBe(false);
  await learn();

  expect(covers()).toBe(true);
  expect(reads).toEqual(['1']);
});

test('whoever bought something is left to the script, whatever they want, and so is who wants more than the limit', async () => {
  const { covers } = await startRemembering();

  expect(covers({ userId: '10', idempotencyKey: 'again' })).toBe(false);
  expect(covers({ userId: '11' })).toBe(false);
  expect(covers({ quantity: 3 })).toBe(false);
  expect(covers({ activityId: '2' })).toBe(false);
  expect(covers({ quantity: 2 })).toBe(true);
});

test('one purchase looks every quarter of the time, and without a confirmation all go to the script at its end', async () => {
  const { covers, pass } = await startRemembering();

  pass(249);
  expect([covers(), covers()]).toEqual([true, true]);
  pass(1);
  expect([covers(), covers()]).toEqual([false, true]);
  pass(749);
  expect([covers(), covers()]).toEqual([false, true]);
  pass(1);
  expect([covers(), covers()]).toEqual([false, false]);
});

test('a confirmation counts from the moment at which the script was asked', async () => {
  const { memory, covers, pass } = await startRemembering();
  const asked = memory.asking();
  pass(900);

  memory.learn(activityId, soldOut, asked);
  pass(99);
  covers();
  expect(covers()).toBe(true);
  pass(1);

  expect(covers()).toBe(false);
});

test.each([
  ['of this activity', (forget: (id?: string) => void) => forget(activityId)],
  ['of any', (forget: (id?: string) => void) => forget()],
])('it is forgotten when units %s may be back, until the script says it again', async (_name, tell) => {
  const { memory, covers, learn, reads } = await startRemembering();

  tell(memory.forget);
  expect(covers()).toBe(false);
  await learn();

  expect(covers()).toBe(true);
  expect(reads).toHaveLength(1);
});

test('another activity’s units change nothing', async () => {
  const { memory, covers } = await startRemembering();

  memory.forget('2');

  expect(covers()).toBe(true);
});

test('an answer that was asked for before units came back is not believed', async () => {
  const { memory, covers } = await startRemembering();
  const asked = memory.asking();

  memory.forget(activityId);
  memory.learn(activityId, soldOut, asked);

  expect(covers()).toBe(false);
});

test('a script that does not say it any more ends it: paused, over, or units are there', async () => {
  const { memory, covers } = await startRemembering();

  memory.learn(activityId, undefined, memory.asking());

  expect(covers()).toBe(false);
});

test.each([
  ['somebody else has bought', { ...soldOut, buyers: 3 }, ['10', '11', '12']],
  ['another epoch has begun', { ...soldOut, epoch: '2' }, ['10', '12']],
])('when %s, the buyers are read again', async (_name, facts, buyers) => {
  const { covers, held, learn, pass } = await startRemembering();
  held.buyers = buyers;

  await learn(facts);
  expect(covers()).toBe(false);
  pass(300);
  await learn(facts);
  expect(covers()).toBe(false);
  await learn(facts);

  expect(covers()).toBe(true);
  expect(covers({ userId: '12' })).toBe(false);
});

test('buyers that were read while somebody bought are not taken for all', async () => {
  const { covers, held, learn, pass } = start();
  held.buyers = ['10'];

  await learn();
  await learn();
  expect(covers()).toBe(false);
  held.buyers = ['10', '11'];
  pass(300);
  await learn();
  await learn();

  expect(covers()).toBe(true);
});

test('the buyers of a sale whose last unit comes and goes are not read all the time', async () => {
  const { learn, reads, pass } = start({ buyers: ['10'] });

  for (let times = 0; times < 100; times += 1) {
    await learn();
    pass(5);
  }

  expect(reads.length).toBe(2);
});

test('a sale of more buyers than may be kept is left to the script, and one that is not asked for makes room', async () => {
  const { memory, learn, pass, reads } = start({ mostBuyers: 3 });
  const covers = (id: string) =>
    memory.covers({ activityId: id, userId: '99', quantity: 1, idempotencyKey: '', token: '' });
  await learn();
  await learn();

  await learn(soldOut, '2');
  expect(reads).toEqual(['1']);
  pass(10_000);
  await learn(soldOut, '2');
  await learn(soldOut, '2');

  await learn();

  expect(covers('2')).toBe(true);
  expect(covers('1')).toBe(false);
});

test('buyers that could not be read leave everything to the script, and are read the next time', async () => {
  const { covers, learn, held } = start();
  held.isAway = true;
  await learn();
  held.isAway = false;
  await learn();
  await learn();

  expect(covers()).toBe(true);
});
