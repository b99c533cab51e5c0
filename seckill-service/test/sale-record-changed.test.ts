import { eventually } from '@onrush/chassis/testing/wait';
import { hashOf, noRecord } from '../src/domain/sale-record';
import type { Bought } from './another-instance';
import { startFixture, type Fixture } from './fixture';
import { tellCancelled } from './order-events';
import { recordedSales } from './recorded-sales';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('recordchanged');
}, 60_000);
afterAll(() => fixture.stop());

const { query, verify, soldThree } = recordedSales(() => fixture);

const flip = (hash: string) => (hash.startsWith('0') ? '1' : '0') + hash.slice(1);

describe('whoever changes the record is found', () => {
  const seqOf = async (activityId: string) => (await verify(activityId)).finding?.seq;
  const row = async (activityId: string, seq: number) => {
    const [found] = await query<Record<string, never>>(
      'SELECT * FROM sale_records WHERE activity_id = ? AND seq = ?',
      [activityId, seq],
    );
    return found as unknown as {
      hash: string;
      previous_hash: string;
      payload: string;
      recorded_at: Date;
      kind: string;
    };
  };

  test.each([
    ['kind', () => 'REJECTED'],
    ['payload', (payload: unknown) => String(payload).replace('"units":1', '"units":2')],
    ['recorded_at', (at: unknown) => new Date((at as Date).getTime() + 1)],
    ['previous_hash', (hash: unknown) => flip(String(hash))],
    ['hash', (hash: unknown) => flip(String(hash))],
  ])('in the column %s', async (column, change) => {
    const { activityId } = await soldThree();
    const before = (await row(activityId, 2)) as unknown as Record<string, unknown>;

    await query(`UPDATE sale_records SET ${column} = ? WHERE activity_id = ? AND seq = 2`, [
      change(before[column]),
      activityId,
    ]);

    expect(await seqOf(activityId)).toBe(2);
  });

  test('in the sequence: removed, inserted, and in another order', async () => {
    const [removed, inserted, reordered, renumbered] = await Promise.all([
      soldThree(),
      soldThree(),
      soldThree(),
      soldThree(),
    ]);
    await query('DELETE FROM sale_records WHERE activity_id = ? AND seq = 2', [removed.activityId]);
    await query(
      `INSERT INTO sale_records SELECT activity_id, 5, kind, payload, recorded_at, previous_hash, hash
        FROM sale_records WHERE activity_id = ? AND seq = 4`,
      [inserted.activityId],
    );
    for (const [from, to] of [
      [2, 9],
      [3, 2],
      [9, 3],
    ])
      await query('UPDATE sale_records SET seq = ? WHERE activity_id = ? AND seq = ?', [
        to,
        reordered.activityId,
        from,
      ]);
    await query('UPDATE sale_records SET seq = 0 WHERE activity_id = ? AND seq = 1', [renumbered.activityId]);

    expect(await seqOf(removed.activityId)).toBe(2);
    expect(await seqOf(inserted.activityId)).toBe(5);
    expect(await seqOf(reordered.activityId)).toBe(2);
    expect(await seqOf(renumbered.activityId)).toBe(1);
  });

  test('together with its own hash: by the record after it', async () => {
    const { activityId } = await soldThree();
    const { kind, payload, previous_hash: previousHash } = await row(activityId, 2);
    const recordedAt = new Date(0);

    await query('UPDATE sale_records SET recorded_at = ?, hash = ? WHERE activity_id = ? AND seq = 2', [
      recordedAt,
      hashOf({ activityId, seq: 2, kind, payload, recordedAt, previousHash }),
      activityId,
    ]);

    expect(await seqOf(activityId)).toBe(3);
  });

  test('moved to another activity', async () => {
    const [one, other] = [await soldThree(), await fixture.openActivity()];
    await query('UPDATE sale_records SET activity_id = ? WHERE activity_id = ?', [other, one.activityId]);
    await query('UPDATE reservations SET activity_id = ? WHERE activity_id = ?', [other, one.activityId]);
    await query('UPDATE activities SET sold = 2 WHERE id = ?', [other]);

    expect(await seqOf(other)).toBe(1);
    expect((await verify(one.activityId)).finding).toMatchObject({ seq: null });
  });

  test('at its end: by the ledger, and by a head that is kept elsewhere', async () => {
    const { activityId, bought } = await soldThree();
    const { head } = await verify(activityId);
    await tellCancelled(fixture, { ...(bought[2] as Bought), activityId, userId: '3' });
    const longer = await eventually(async () => {
      const found = await verify(activityId, { knownHead: head });
      return found.head.seq === 5 && found;
    });
    await query('DELETE FROM sale_records WHERE activity_id = ? AND seq = 5', [activityId]);
    await query(`UPDATE reservations SET status = 'QUEUED' WHERE id = ?`, [bought[2]?.reservation_id]);
    await query('UPDATE activities SET sold = 2 WHERE id = ?', [activityId]);
    const cutOff = await verify(activityId, { knownHead: longer.head });
    const unnoticed = await verify(activityId);
    const forged = await verify(activityId, { knownHead: { seq: 4, hash: flip(head.hash) } });
    await query('DELETE FROM sale_records WHERE activity_id = ? AND seq = 4', [activityId]);
    const withoutRelease = await verify(activityId);

    expect(longer.finding).toBeUndefined();
    expect(cutOff.finding).toMatchObject({ seq: 5 });
    expect(unnoticed.finding).toBeUndefined();
    expect(forged.finding).toMatchObject({ seq: 4 });
    expect(withoutRelease.finding).toMatchObject({ seq: 2 });
  });

  test('or makes the whole chain anew: by a head that is kept elsewhere', async () => {
    const { activityId } = await soldThree();
    const { head } = await verify(activityId);
    let previousHash = noRecord.hash;
    for (const seq of [1, 2, 3, 4]) {
      const { kind, payload, recorded_at } = await row(activityId, seq);
      const record = {
        activityId,
        seq,
        kind,
        payload: payload.replace('späte', 'pünktliche'),
        recordedAt: recorded_at,
        previousHash,
      };
      const hash = hashOf(record);
      await query(
        'UPDATE sale_records SET payload = ?, previous_hash = ?, hash = ? WHERE activity_id = ? AND seq = ?',
        [record.payload, previousHash, hash, activityId, seq],
      );
      previousHash = hash;
    }

    expect((await verify(activityId)).finding).toBeUndefined();
    expect((await verify(activityId, { knownHead: head })).finding).toMatchObject({ seq: 4 });
  });
});

describe('what cannot be is found, though every hash is right', () => {
  const release = (reservation: string | undefined, units = 1) => ({ reservation, units, reason: 'x' });
  test.each([
    ['places that were left out', () => ['ADMITTED', { from: 2, to: 3, at: 1, users: [] }]],
    ['places that end before they begin', () => ['ADMITTED', { from: 1, to: 0, at: 1, users: [] }]],
    ['a batch that is recorded twice', (_ids: string[], sold: unknown) => ['SOLD', sold]],
    ['a batch that is nobody’s', () => ['SOLD', { batch: 'x', reservations: 0, units: 0, digest: '' }]],
    ['a second release', (ids: string[]) => ['RELEASED', release(ids[1])]],
    ['a release of what is sold', (ids: string[]) => ['RELEASED', release(ids[0])]],
    ['a release of what is not there', () => ['RELEASED', release('7')]],
    ['a kind that nobody knows', () => ['GIVEN', {}]],
    ['nothing', () => ['SOLD', null]],
    ['numbers that are none', () => ['ADMITTED', { from: '1', to: -1 }]],
  ] as [string, (ids: string[], sold: unknown) => [string, unknown]][])('%s', async (_name, make) => {
    const { activityId, bought } = await soldThree();
    const [first] = await query<{ payload: string }>(
      'SELECT payload FROM sale_records WHERE activity_id = ? AND seq = 1',
      [activityId],
    );
    const ids = bought.map(({ reservation_id }) => reservation_id);
    const [kind, payload] = make(ids, JSON.parse(first?.payload ?? ''));
    const { head } = await verify(activityId);
    const [seq, recordedAt, text] = [5, new Date(), JSON.stringify(payload)];
    const record = { activityId, seq, kind, payload: text, recordedAt, previousHash: head.hash };

    await query('INSERT INTO sale_records VALUES (?)', [
      [activityId, seq, kind, text, recordedAt, head.hash, hashOf(record)],
    ]);

    expect((await verify(activityId)).finding).toMatchObject({ seq: 5 });
  });

  test('text that is no JSON', async () => {
    const activityId = await fixture.openActivity();
    const record = { activityId, seq: 1, kind: 'SOLD', payload: '{', previousHash: noRecord.hash };
    const dated = { ...record, recordedAt: new Date() };

    await query('INSERT INTO sale_records VALUES (?)', [
      [activityId, 1, 'SOLD', '{', dated.recordedAt, noRecord.hash, hashOf(dated)],
    ]);

    expect((await verify(activityId)).finding).toMatchObject({ seq: 1 });
  });
});

describe('whoever changes the ledger is found', () => {
  test.each([
    ['user_id', 'user_id + 1'],
    ['quantity', 'quantity + 1'],
    ['order_no', 'order_no + 1'],
    ['idempotency_key', `'another'`],
    ['reserved_at', 'reserved_at + INTERVAL 1 SECOND'],
    ['batch_id', `'of nobody'`],
    ['status', `'REJECTED'`],
    ['activity_id', '1'],
  ])('in the column %s', async (column, value) => {
    const { activityId, bought } = await soldThree();

    await query(`UPDATE reservations SET ${column} = ${value} WHERE id = ?`, [bought[2]?.reservation_id]);

    expect((await verify(activityId)).finding?.seq).toBe(column === 'batch_id' ? null : 3);
  });

  test('in what was given back, in what is counted, and in what is gone', async () => {
    const [back, counted, gone, releasedGone] = await Promise.all([
      soldThree(),
      soldThree(),
      soldThree(),
      soldThree(),
    ]);
    await query(`UPDATE reservations SET status = 'QUEUED' WHERE id = ?`, [back.bought[1]?.reservation_id]);
    await query('UPDATE activities SET sold = sold + 1 WHERE id = ?', [counted.activityId]);
    await query('DELETE FROM reservations WHERE id = ?', [gone.bought[0]?.reservation_id]);
    await query(`UPDATE reservations SET status = 'RELEASED' WHERE id = ?`, [
      releasedGone.bought[2]?.reservation_id,
    ]);

    expect((await verify(back.activityId)).finding?.seq).toBe(4);
    expect((await verify(counted.activityId)).finding?.seq).toBeNull();
    expect((await verify(gone.activityId)).finding?.seq).toBe(1);
    expect((await verify(releasedGone.activityId)).finding?.seq).toBe(3);
  });
});
