import type { DataSource, EntityManager } from 'typeorm';
import { inTransaction } from '@onrush/chassis/mysql';
import { whileLocked, type ActivityRepository } from '../data/activity-repository';
import type { Backlog } from '../data/backlog';
import type { LiveSales } from '../data/live-sale';
import { roomMarks, type RoomMark } from '../data/room-marks';
import { saleRecordLog } from '../data/sale-record-log';
import type { Admission, AdmissionStep, WaitingRooms } from '../data/waiting-rooms';
import type { Activity } from '../domain/activity';
import { salesOf } from '../domain/bucket';
import type { WaitingRoomPlan } from '../domain/waiting-room';

export interface AdmitWaiting {
  db: DataSource;
  activities: Pick<ActivityRepository, 'lock'>;
  sales: Pick<LiveSales, 'read'>;
  backlog: Backlog;
  rooms: WaitingRooms;
  adaptive: { least: number; most: number; backlog: number };
}

export type ActivityWithRoom = Activity & { waitingRoom: WaitingRoomPlan };

export const hasRoom = (activity: Activity): activity is ActivityWithRoom => activity.waitingRoom !== null;

/**
 * One step of the admissions of a sale. It is written down before anybody learns of it, so that the record has everybody who was ever let in, and
 * an admission outlives Redis. Any number of workers may do it: the bucket in Redis is one, and whoever holds the lock on the mark knows how far
 * the last one came. Whoever dies in between has used up tokens, and admitted nobody. A room that was made anew, because Redis had lost it, is written
 * down, too: from then on there may be some whom the record does not name. `seenRoom`: the one that this process has seen last.
 */
export async function admitWaiting(
  deps: AdmitWaiting,
  activity: ActivityWithRoom,
  seenRoom?: number,
): Promise<Admission | undefined> {
  const { db, rooms } = deps;
  const [sale, rate] = await Promise.all([isSelling(deps, activity), rateOf(deps, activity)]);
  const step = async (tx: EntityManager) => {
    const mark = await roomMarks.lock(tx, activity.id);
    const wanted: AdmissionStep = { ...activity, mark, isSelling: sale, rate };
    const admission = await rooms.admit(wanted);
    if (!admission) return undefined;
    const { admitted: to, at, born: room, users } = admission;
    if (to > mark.admitted || (room !== seenRoom && (await isMadeAnew(tx, activity, room)))) {
      await deps.activities.lock(tx, activity.id);
      const payload = { from: mark.admitted + 1, to, at, room, users };
      await saleRecordLog.append(tx, activity.id, { kind: 'ADMITTED', payload });
    }
    if (isOther(admission, mark)) await roomMarks.save(tx, activity.id, admission);
    return { admission, isNew: to > mark.admitted };
  };
  const done = await inTransaction(db, step, whileLocked);
  if (done?.isNew) await rooms.tell(activity.id, done.admission.admitted);
  return done?.admission;
}

async function isMadeAnew(tx: EntityManager, { id }: Activity, room: number): Promise<boolean> {
  const last = await saleRecordLog.findLastAdmitted(tx, id);
  return last !== undefined && last.room !== room;
}

const isOther = (a: RoomMark, b: RoomMark): boolean =>
  a.window !== b.window || a.issued !== b.issued || a.admitted !== b.admitted;

/** Redis' clock says when the sale starts and ends. */
async function isSelling({ sales }: AdmitWaiting, { id }: Activity): Promise<boolean> {
  const live = await sales.read(id);
  return live !== undefined && live.status === 'OPEN' && !live.isRebuilding && live.remaining > 0;
}

async function rateOf(
  { adaptive, backlog }: AdmitWaiting,
  activity: ActivityWithRoom,
): Promise<AdmissionStep['rate']> {
  const { waitingRoom } = activity;
  if (waitingRoom.rate !== 'adaptive') return waitingRoom.rate;
  const { least, most, backlog: mostWaiting } = adaptive;
  const waiting = await backlog.read(salesOf(activity));
  return { least, most, waiting: [...waiting.values()].reduce((sum, count) => sum + count, 0), mostWaiting };
}
