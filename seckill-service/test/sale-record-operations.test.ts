import { admin } from '@onrush/chassis/testing/service';
import { startControlFixture, type ControlFixture } from './control-fixture';
import { begin, resume, stock } from './interrupted';
import { rechain } from './rechain';
import { recordedSales } from './recorded-sales';

let fixture: ControlFixture;
beforeAll(async () => {
  fixture = await startControlFixture('recordoperations');
}, 60_000);
afterAll(() => fixture.stop());

const { query, verify } = recordedSales(() => fixture);
const kindsOf = async (activityId: string) =>
  (
    await query<{ payload: string }>(
      `SELECT payload FROM sale_records WHERE activity_id = ? AND kind = 'CONTROLLED' ORDER BY seq`,
      [activityId],
    )
  ).map(({ payload }) => (JSON.parse(payload) as { kind: string }).kind);

/** Six operations, one of them refused. */
async function controlled(): Promise<string> {
  const id = await fixture.openActivity();
  await fixture.control(id, 'pause', { reason: 'a look' });
  await fixture.control(id, 'resume');
  await fixture.control(id, 'stock', { delta: 5, reason: 'found some' });
  await fixture.control(id, 'stock', { delta: -1_000, reason: 'too many' });
  await fixture.change(id, { version: (await fixture.view(id)).version, per_user_limit: 3 });
  await fixture.control(id, 'close');
  return id;
}

test('every operation is in the record once it is in the ledger, and one that was refused is not', async () => {
  const id = await controlled();

  expect(await verify(id)).toMatchObject({ finding: undefined, head: { seq: 5 } });
  expect(await kindsOf(id)).toEqual(['PAUSE', 'RESUME', 'STOCK', 'LIMIT', 'CLOSE']);
});

test('one that was interrupted is in the record from the moment at which it is in the ledger, and once', async () => {
  const id = await fixture.openActivity();
  await begin(fixture, id, { kind: 'PAUSE' }, 'before Redis');
  await begin(fixture, id, stock(-5), 'before Redis');
  const pending = [await verify(id), await kindsOf(id)];

  await resume(fixture);
  await resume(fixture);

  expect(pending).toMatchObject([{ finding: undefined }, ['PAUSE']]);
  expect((await verify(id)).finding).toBeUndefined();
  expect(await kindsOf(id)).toEqual(['PAUSE', 'STOCK']);
});

const ofLedger = 'of the ledger';
test.each([
  ['who wanted it', `UPDATE operations SET requested_by = 7 WHERE activity_id = ? AND kind = 'PAUSE'`, 1],
  ['why', `UPDATE operations SET reason = 'none' WHERE activity_id = ? AND kind = 'PAUSE'`, 1],
  ['what it was', `UPDATE operations SET kind = 'PAUSE' WHERE activity_id = ? AND kind = 'RESUME'`, 2],
  ['how many', `UPDATE operations SET delta = 6 WHERE activity_id = ? AND revision = 3`, 3],
  ['how it ended', `UPDATE operations SET status = 'REFUSED' WHERE activity_id = ? AND revision = 3`, 3],
  ['which limit', `UPDATE operations SET per_user_limit = 4 WHERE activity_id = ? AND kind = 'LIMIT'`, 4],
  ['that it was', `DELETE FROM operations WHERE activity_id = ? AND kind = 'CLOSE'`, 5],
  [
    'that it was refused',
    `UPDATE operations SET status = 'DONE' WHERE activity_id = ? AND revision = 4`,
    ofLedger,
  ],
  ['what is for sale', `UPDATE activities SET total = total + 1 WHERE id = ?`, ofLedger],
  ['the limit', `UPDATE activities SET per_user_limit = 9 WHERE id = ?`, ofLedger],
  ['that it is closed', `UPDATE activities SET control_status = 'OPEN' WHERE id = ?`, ofLedger],
])('whoever changes %s is found', async (_name, sql, seq) => {
  const id = await controlled();

  await query(sql, [id]);

  expect((await verify(id)).finding).toMatchObject({ seq: seq === ofLedger ? null : seq });
});

test('an operation that nobody recorded is found, and so is one that is recorded twice', async () => {
  const [unrecorded, twice, paused] = [await controlled(), await controlled(), await fixture.openActivity()];
  await rechain(fixture, unrecorded, (records) => records.slice(1));
  await rechain(fixture, twice, (records) => [...records, ...records.slice(-1)]);
  await query(`UPDATE activities SET control_status = 'PAUSED' WHERE id = ?`, [paused]);

  expect((await verify(unrecorded)).finding?.what).toMatch(/^no record tells of operation/);
  expect((await verify(twice)).finding).toMatchObject({ seq: 6 });
  expect((await verify(paused)).finding?.what).toBe(
    'controlStatus of the activity is PAUSED, of its record OPEN',
  );
});

test('the record tells who wanted an operation, and why', async () => {
  const id = await controlled();

  const [first] = await query<{ payload: string }>(
    'SELECT payload FROM sale_records WHERE activity_id = ? AND seq = 1',
    [id],
  );

  expect(JSON.parse(first?.payload ?? '')).toMatchObject({ kind: 'PAUSE', by: admin.id, reason: 'a look' });
});
