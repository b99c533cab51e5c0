import { releaseTogether } from '@onrush/chassis/testing/gate';
import { eventually } from '@onrush/chassis/testing/wait';
import { errors } from '../src/errors';
import { startControlFixture, type ControlFixture } from './control-fixture';

const buyers = 2_000;
/** The client has 256 connections: operators do not queue behind buyers. */
const atOnce = 200;

let fixture: ControlFixture;
beforeAll(async () => {
  fixture = await startControlFixture('controllive');
}, 60_000);
afterAll(() => fixture.stop());

/** Buyers come as fast as others are answered; when some have been, `operate` is called. Returns the codes of all answers. */
async function whileBuying(activityId: string, operate: () => Promise<unknown>): Promise<number[]> {
  const codes: number[] = [];
  let next = 1_000;
  const rush = releaseTogether(atOnce, async () => {
    while (next < 1_000 + buyers) codes.push((await fixture.buy(activityId, (next += 1))).body.code);
  });
  await eventually(() => codes.length > atOnce, { everyMs: 1 });
  expect(codes.length).toBeLessThan(buyers / 2);
  await operate();
  await rush;
  expect(codes).toHaveLength(buyers);
  return codes;
}

const count = (codes: number[], code: number) => codes.filter((other) => other === code).length;
const onlyThese = (codes: number[], allowed: number[]) => codes.filter((code) => !allowed.includes(code));
const soldOut = errors.soldOut.definition.code;
const paused = errors.paused.definition.code;
const ended = errors.ended.definition.code;

/** Every unit is free or held by one buyer, and reserved at product-service; nobody was told yes in vain. */
async function expectEquation(activityId: string, accepted: number): Promise<void> {
  const { reserved, total, sold, held, free } = await fixture.unitsAtRest(activityId);
  expect({ sold, held }).toEqual({ sold: accepted, held: accepted });
  expect({ reserved, total: held + (free ?? 0) }).toEqual({ reserved: total, total });
}

test('after the answer to a pause nothing is sold, and after a resume the sale goes on', async () => {
  const id = await fixture.openActivity({ total: buyers });
  let soldWhenPaused = 0;

  const codes = await whileBuying(id, async () => {
    soldWhenPaused = buyers - (await fixture.control(id, 'pause')).body.data.remaining;
  });

  expect(onlyThese(codes, [0, paused])).toEqual([]);
  expect(count(codes, 0)).toBe(soldWhenPaused);
  expect(count(codes, paused)).toBeGreaterThan(0);
  await expectEquation(id, soldWhenPaused);
  await fixture.control(id, 'resume');
  expect((await fixture.buy(id, 1)).status).toBe(202);
}, 60_000);

test('after the answer to a close nothing is sold, and what was sold reaches the ledger', async () => {
  const id = await fixture.openActivity({ total: buyers });
  let soldWhenClosed = 0;

  const codes = await whileBuying(id, async () => {
    soldWhenClosed = buyers - (await fixture.control(id, 'close')).body.data.remaining;
  });

  expect(onlyThese(codes, [0, ended])).toEqual([]);
  expect(count(codes, 0)).toBe(soldWhenClosed);
  await expectEquation(id, soldWhenClosed);
}, 60_000);

test('units that come and go while everybody buys are sold once, to the last one', async () => {
  const id = await fixture.openActivity({ total: 1_000 });
  const done: number[] = [];

  const codes = await whileBuying(id, async () => {
    for (const delta of [300, -100, 50, -200, -10]) {
      const { status } = await fixture.control(id, 'stock', { delta, reason: 'during the rush' });
      if (status === 200) done.push(delta);
      else expect(status).toBe(409);
    }
  });

  const total = 1_000 + done.reduce((sum, delta) => sum + delta, 0);
  expect(done).toEqual(expect.arrayContaining([300, 50]));
  expect(onlyThese(codes, [0, soldOut])).toEqual([]);
  await expectEquation(id, count(codes, 0));
  const rest = await releaseTogether(500, (index) => fixture.buy(id, 10_000 + index));
  const more = rest.filter((answer) => answer.status === 'fulfilled' && answer.value.status === 202);
  expect(count(codes, 0) + more.length).toBe(total);
  await expectEquation(id, total);
}, 60_000);

test('withdrawing what is free, again and again, while everybody buys leaves what was sold', async () => {
  const id = await fixture.openActivity({ total: 1_500 });
  let withdrawn = 0;

  const codes = await whileBuying(id, async () => {
    for (let remaining = 1; remaining > 0; { remaining } = await fixture.view(id)) {
      const { status } = await fixture.control(id, 'stock', { delta: -25, reason: 'the hall is smaller' });
      if (status === 200) withdrawn += 25;
      else break;
    }
  });

  expect(withdrawn).toBeGreaterThan(0);
  expect(onlyThese(codes, [0, soldOut])).toEqual([]);
  expect((await fixture.unitsAtRest(id)).total).toBe(1_500 - withdrawn);
  await expectEquation(id, count(codes, 0));
}, 60_000);

test('a limit that is lowered while everybody buys holds from its answer on', async () => {
  const id = await fixture.openActivity({ total: 4 * buyers, per_user_limit: 2 });

  const codes = await whileBuying(id, () => fixture.change(id, { per_user_limit: 1, version: 1 }));
  const second = await releaseTogether(200, (index) => fixture.buy(id, 1_001 + index));

  const answers = second.map((answer) => (answer.status === 'fulfilled' ? answer.value.body.code : -1));
  expect(onlyThese(codes, [0])).toEqual([]);
  expect(onlyThese(answers, [errors.overLimit.definition.code])).toEqual([]);
  await expectEquation(id, buyers);
}, 60_000);
