import { releaseTogether } from '@onrush/chassis/testing/gate';
import { admin } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { errors } from '../src/errors';
import { startControlFixture, type ControlFixture, type Verb } from './control-fixture';
import { activityBody } from './fixture';

let fixture: ControlFixture;
beforeAll(async () => {
  fixture = await startControlFixture('control');
}, 60_000);
afterAll(() => fixture.stop());
afterEach(() => Object.assign(fixture.products, { isAway: false, stock: 1_000_000 }));

const codeOf = (name: 'paused' | 'ended' | 'notWarmedUp' | 'notEnoughFreeUnits' | 'stockShort') =>
  errors[name].definition.code;
const verbs: Verb[] = ['pause', 'resume', 'close', 'stock'];
const bodyOf = (verb: Verb) => (verb === 'stock' ? { delta: 1, reason: 'more' } : {});

async function planActivity(): Promise<string> {
  const created = await fixture.http.call<{ id: string }>('POST /api/v1/admin/seckill/activities', {
    user: admin,
    body: activityBody(),
  });
  return created.body.data.id;
}

test('a paused sale sells nothing until it is resumed, and pausing twice is pausing once', async () => {
  const id = await fixture.openActivity();

  const paused = await fixture.control(id, 'pause', { reason: 'prices are wrong' });
  const again = await fixture.control(id, 'pause');

  expect(paused).toMatchObject({
    status: 200,
    body: { data: { status: 'PAUSED', remaining: 100, version: 2 } },
  });
  expect(again).toMatchObject({ status: 200, body: { data: { status: 'PAUSED', version: 2 } } });
  expect((await fixture.buy(id, 1)).body.code).toBe(codeOf('paused'));

  expect((await fixture.control(id, 'resume')).body.data).toMatchObject({ status: 'OPEN', version: 3 });
  expect((await fixture.buy(id, 1)).status).toBe(202);
  expect(await fixture.operations(id)).toMatchObject([
    { kind: 'RESUME', status: 'DONE', reason: null },
    { kind: 'PAUSE', status: 'DONE', reason: 'prices are wrong', by: admin.id, refused_because: null },
  ]);
});

test('closing is final', async () => {
  const id = await fixture.openActivity();

  const closed = await fixture.control(id, 'close');

  expect(closed.body.data).toMatchObject({ status: 'ENDED', remaining: 100 });
  expect((await fixture.buy(id, 1)).body.code).toBe(codeOf('ended'));
  expect((await fixture.control(id, 'resume')).body.code).toBe(codeOf('ended'));
  expect((await fixture.control(id, 'pause')).body.code).toBe(codeOf('ended'));
  expect((await fixture.control(id, 'stock', bodyOf('stock'))).body.code).toBe(codeOf('ended'));
  expect((await fixture.control(id, 'close')).status).toBe(200);
  expect(await fixture.operations(id)).toMatchObject([{ kind: 'CLOSE', status: 'DONE' }]);
});

test('a sale that was closed before its start has ended, for buyers too', async () => {
  const id = await fixture.openActivity({ starts_at: new Date(Date.now() + 3_000_000).toISOString() });

  await fixture.control(id, 'close');

  expect((await fixture.view(id)).status).toBe('ENDED');
  expect((await fixture.buy(id, 1)).body.code).toBe(codeOf('ended'));
});

test('what a closed sale has not sold can be taken out of it', async () => {
  const id = await fixture.openActivity();
  await fixture.buy(id, 1, 1);
  await fixture.control(id, 'close');

  const emptied = await fixture.control(id, 'stock', { delta: -99, reason: 'back to the shop' });

  expect(emptied.body.data).toMatchObject({ status: 'ENDED', total: 1, remaining: 0 });
  expect(await fixture.unitsAtRest(id)).toEqual({ reserved: 1, total: 1, sold: 1, held: 1, free: 0 });
});

test('a sale whose time is up changes no more', async () => {
  const id = await fixture.openActivity();
  await fixture.db.query('UPDATE activities SET ends_at = ? WHERE id = ?', [new Date(), id]);

  for (const verb of verbs)
    expect((await fixture.control(id, verb, bodyOf(verb))).body.code).toBe(codeOf('ended'));
});

test('a closed sale is struck off the list once its purchases are in the ledger', async () => {
  const id = await fixture.openActivity();
  await fixture.buy(id, 1);
  await fixture.control(id, 'close');

  const drainedAt = () =>
    fixture.db.query<{ drained_at: Date | null }[]>('SELECT drained_at FROM activities WHERE id = ?', [id]);
  await eventually(async () => (await drainedAt())[0]?.drained_at !== null);

  expect(await fixture.units(id)).toMatchObject({ sold: 1, held: 1 });
});

test('units come and go, in the sale, in the ledger and at product-service', async () => {
  const id = await fixture.openActivity();

  const more = await fixture.control(id, 'stock', { delta: 50, reason: 'second hall' });
  const fewer = await fixture.control(id, 'stock', { delta: -120, reason: 'first hall is closed' });

  expect(more.body.data).toMatchObject({ total: 150, remaining: 150, version: 2 });
  expect(fewer.body.data).toMatchObject({ total: 30, remaining: 30, version: 3 });
  expect(await fixture.units(id)).toEqual({ reserved: 30, total: 30, sold: 0, held: 0, free: 30 });
  expect(await fixture.operations(id)).toMatchObject([
    { kind: 'STOCK', delta: -120, reason: 'first hall is closed', status: 'DONE' },
    { kind: 'STOCK', delta: 50, reason: 'second hall', status: 'DONE' },
  ]);
});

test('a sold-out sale goes on with new units, and all of them can be taken out again', async () => {
  const id = await fixture.openActivity({ total: 1 });
  await fixture.buy(id, 1);
  expect((await fixture.view(id)).status).toBe('SOLD_OUT');

  await fixture.control(id, 'stock', { delta: 1, reason: 'one more' });
  expect((await fixture.view(id)).status).toBe('OPEN');
  await fixture.control(id, 'stock', { delta: -1, reason: 'none after all' });

  expect((await fixture.buy(id, 2)).status).toBe(409);
  expect(await fixture.unitsAtRest(id)).toEqual({ reserved: 1, total: 1, sold: 1, held: 1, free: 0 });
});

test('more than is free cannot be taken out, and nothing changes', async () => {
  const id = await fixture.openActivity({ total: 10, per_user_limit: 4 });
  await fixture.buy(id, 1, 4);

  const refused = await fixture.control(id, 'stock', { delta: -7, reason: 'too many' });

  expect(refused.body.code).toBe(codeOf('notEnoughFreeUnits'));
  expect(await fixture.unitsAtRest(id)).toEqual({ reserved: 10, total: 10, sold: 4, held: 4, free: 6 });
  expect(await fixture.operations(id)).toMatchObject([
    { status: 'REFUSED', refused_because: 'NOT_ENOUGH_FREE_UNITS' },
  ]);
  expect((await fixture.control(id, 'stock', { delta: -6, reason: 'all that is free' })).status).toBe(200);
});

test('more than the product has cannot be added, and nothing changes', async () => {
  const id = await fixture.openActivity({ total: 10 });
  fixture.products.stock = 5;

  const refused = await fixture.control(id, 'stock', { delta: 6, reason: 'too many' });

  expect(refused.body.code).toBe(codeOf('stockShort'));
  expect(await fixture.units(id)).toEqual({ reserved: 10, total: 10, sold: 0, held: 0, free: 10 });
  expect(await fixture.operations(id)).toMatchObject([{ status: 'REFUSED', refused_because: 'STOCK_SHORT' }]);
  expect((await fixture.control(id, 'stock', { delta: 5, reason: 'all of them' })).body.data.total).toBe(15);
});

test('whoever holds more than a lowered limit keeps it, and buys no more', async () => {
  const id = await fixture.openActivity({ per_user_limit: 5 });
  await fixture.buy(id, 1, 4);

  const lowered = await fixture.change(id, { per_user_limit: 2, version: 1 });

  expect(lowered).toMatchObject({
    status: 200,
    body: { data: { per_user_limit: 2, version: 2, remaining: 96 } },
  });
  expect((await fixture.buy(id, 1)).body.code).toBe(errors.overLimit.definition.code);
  expect((await fixture.buy(id, 2, 2)).status).toBe(202);
  expect((await fixture.buy(id, 3, 3)).body.code).toBe(errors.overLimit.definition.code);
  expect(await fixture.unitsAtRest(id)).toMatchObject({ sold: 6, held: 6, free: 94 });
  expect(await fixture.operations(id)).toMatchObject([{ kind: 'LIMIT', limit: 2, status: 'DONE' }]);
});

test('the limit of a live sale changes alone, and from the version that was read', async () => {
  const id = await fixture.openActivity();
  const refusals = [
    [{ per_user_limit: 2, version: 2 }, errors.versionChanged],
    [{ per_user_limit: 2, total: 7, version: 1 }, errors.alreadyWarmedUp],
    [{ version: 1 }, errors.alreadyWarmedUp],
  ] as const;

  for (const [body, error] of refusals)
    expect((await fixture.change(id, body)).body.code).toBe(error.definition.code);
  expect((await fixture.change(id, { per_user_limit: 1, version: 1 })).status).toBe(200);

  expect(await fixture.operations(id)).toEqual([]);
  expect(await fixture.view(id)).toMatchObject({ per_user_limit: 1, version: 1 });
});

test.each(verbs)('an activity that is not warmed up cannot be controlled: %s', async (verb) => {
  const id = await planActivity();

  expect((await fixture.control(id, verb, bodyOf(verb))).body.code).toBe(codeOf('notWarmedUp'));
  expect((await fixture.control('999', verb, bodyOf(verb))).status).toBe(404);
  expect(await fixture.operations(id)).toEqual([]);
});

test.each<[string, Verb, object]>([
  ['no delta', 'stock', { reason: 'x' }],
  ['no reason', 'stock', { delta: 1 }],
  ['an empty reason', 'stock', { delta: 1, reason: ' ' }],
  ['a delta of 0', 'stock', { delta: 0, reason: 'x' }],
  ['a delta with a fraction', 'stock', { delta: 1.5, reason: 'x' }],
  ['a delta as text', 'stock', { delta: '1', reason: 'x' }],
  ['too many units', 'stock', { delta: 10_000_001, reason: 'x' }],
  ['too many units to take', 'stock', { delta: -10_000_001, reason: 'x' }],
  ['a reason that is too long', 'stock', { delta: 1, reason: 'x'.repeat(201) }],
  ['a reason that is too long', 'pause', { reason: 'x'.repeat(201) }],
  ['a reason that is no text', 'resume', { reason: 1 }],
  ['an unknown field', 'close', { force: true }],
])('%s is refused: %s', async (_name, verb, body) => {
  const id = await fixture.openActivity();

  expect((await fixture.control(id, verb, body)).status).toBe(400);
  expect(await fixture.operations(id)).toEqual([]);
  expect(await fixture.view(id)).toMatchObject({ status: 'OPEN', total: 100, remaining: 100, version: 1 });
});

test('more units than the tables can count are refused', async () => {
  const id = await fixture.openActivity();
  await fixture.db.query('UPDATE activities SET total = 2147483000 WHERE id = ?', [id]);

  const refused = await fixture.control(id, 'stock', { delta: 1_000, reason: 'x' });

  expect(refused).toMatchObject({ status: 400, body: { errors: [{ field: 'delta' }] } });
});

test('a reason of 200 characters is kept as it is, whatever the script', async () => {
  const id = await fixture.openActivity();
  const reason = '停售🎫'.repeat(50);

  expect((await fixture.control(id, 'pause', { reason })).status).toBe(200);
  expect((await fixture.operations(id))[0]?.reason).toBe(reason);
});

test('the audit trail comes in pages, newest first', async () => {
  const id = await fixture.openActivity();
  for (const verb of ['pause', 'resume', 'pause'] as const) await fixture.control(id, verb);

  const pages = [
    await fixture.operations(id, '?page_size=2'),
    await fixture.operations(id, '?page_size=2&page=2'),
  ];

  expect(pages.map((page) => page.map(({ kind }) => kind))).toEqual([['PAUSE', 'RESUME'], ['PAUSE']]);
  const unknown = await fixture.http.call('GET /api/v1/admin/seckill/activities/999/operations', {
    user: admin,
  });
  expect(unknown.status).toBe(404);
});

test('of two operations on stock at once the second is told to wait, but anybody can pause', async () => {
  const id = await fixture.openActivity();
  fixture.products.isAway = true;
  expect((await fixture.control(id, 'stock', { delta: 5, reason: 'first' })).status).toBe(503);

  const second = await fixture.control(id, 'stock', { delta: 5, reason: 'second' });

  expect(second.body.code).toBe(errors.operationPending.definition.code);
  expect(second.headers.get('retry-after')).toBe('1');
  expect((await fixture.control(id, 'pause')).body.data.status).toBe('PAUSED');
  expect((await fixture.operations(id)).map(({ kind, status }) => `${kind} ${status}`)).toEqual([
    'PAUSE DONE',
    'STOCK PENDING',
  ]);
});

test('the same Idempotency-Key finds out what came of an operation, and begins no other', async () => {
  const id = await fixture.openActivity();
  const add = (delta: number, key: string) => fixture.control(id, 'stock', { delta, reason: 'more' }, key);
  fixture.products.isAway = true;
  expect((await add(5, 'k1')).status).toBe(503);
  fixture.products.isAway = false;

  expect((await add(5, 'k1')).body.data).toMatchObject({ total: 105, remaining: 105 });
  expect((await add(5, 'k1')).body.data).toMatchObject({ total: 105, remaining: 105 });
  expect((await add(6, 'k1')).body.code).toBe(errors.idempotencyKeyReused.definition.code);
  expect((await add(-200, 'k2')).status).toBe(409);
  await fixture.control(id, 'stock', { delta: 100, reason: 'enough now' });
  expect((await add(-200, 'k2')).body.code).toBe(codeOf('notEnoughFreeUnits'));

  expect(await fixture.view(id)).toMatchObject({ total: 205, remaining: 205 });
});

test('20 withdrawals at once take each unit once', async () => {
  const id = await fixture.openActivity();

  const answers = await releaseTogether(20, () => fixture.control(id, 'stock', { delta: -30, reason: 'x' }));

  const statuses = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.status : 0));
  const taken = 30 * statuses.filter((status) => status === 200).length;
  expect(statuses.filter((status) => status !== 200 && status !== 409)).toEqual([]);
  expect([30, 60, 90]).toContain(taken);
  const left = 100 - taken;
  expect(await fixture.units(id)).toEqual({ reserved: left, total: left, sold: 0, held: 0, free: left });
});
