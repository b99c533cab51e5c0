import type { EntityManager } from 'typeorm';

/** What a waiting room is made from that Redis has lost. */
export interface RoomMark {
  /** The places that the opening window gave out. */
  window: number;
  /** The last place that was given out, as far as it was saved. */
  issued: number;
  /** Everybody up to this place may buy. */
  admitted: number;
}

interface Row {
  window_size: number;
  issued: number;
  admitted: number;
}

const fresh: RoomMark = { window: 0, issued: 0, admitted: 0 };
const columns = 'window_size, issued, admitted';

/** How far each waiting room has come, in MySQL: what is admitted there stays admitted, whatever becomes of Redis. */
export const roomMarks = {
  async read(manager: EntityManager, activityId: string): Promise<RoomMark> {
    const sql = `SELECT ${columns} FROM waiting_rooms WHERE activity_id = ?`;
    return toMark(await manager.query<Row[]>(sql, [activityId])) ?? fresh;
  },

  /** Keeps everybody else who admits somebody to this sale waiting until the transaction ends. */
  async lock(tx: EntityManager, activityId: string): Promise<RoomMark> {
    const sql = `SELECT ${columns} FROM waiting_rooms WHERE activity_id = ? FOR UPDATE`;
    const found = toMark(await tx.query<Row[]>(sql, [activityId]));
    if (found) return found;
    await tx.query('INSERT IGNORE INTO waiting_rooms VALUES (?, 0, 0, 0)', [activityId]);
    return toMark(await tx.query<Row[]>(sql, [activityId])) ?? fresh;
  },

  async save(tx: EntityManager, activityId: string, { window, issued, admitted }: RoomMark): Promise<void> {
    await tx.query(
      'UPDATE waiting_rooms SET window_size = ?, issued = ?, admitted = ? WHERE activity_id = ?',
      [window, issued, admitted, activityId],
    );
  },
};

const toMark = ([row]: Row[]): RoomMark | undefined =>
  row && { window: row.window_size, issued: row.issued, admitted: row.admitted };
