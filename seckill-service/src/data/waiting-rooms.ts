import type { Redis } from 'ioredis';
import { loadScript, type Keys } from '@onrush/chassis/redis';
import type { Activity } from '../domain/activity';
import type { HeldPlace, Room } from '../domain/waiting-room';
import type { RoomMark } from './room-marks';

export interface Entrance extends Pick<Activity, 'id' | 'startsAt' | 'endsAt'> {
  userId: string;
  lot: number;
  /** Of the ticket that the user came with. */
  held: HeldPlace | undefined;
  /** What to make a room from that is not there. */
  mark: RoomMark | undefined;
}

export interface AdmissionStep extends Pick<Activity, 'id' | 'startsAt' | 'endsAt'> {
  mark: RoomMark;
  /** The sale has units, and is neither paused nor being rebuilt. */
  isSelling: boolean;
  rate: number | AdaptiveRate;
}

/** Between `least` and `most` per second, as long as no more than `mostWaiting` purchases wait to be recorded. */
export interface AdaptiveRate {
  least: number;
  most: number;
  waiting: number;
  mostWaiting: number;
}

export interface Admission extends RoomMark {
  /** Milliseconds of Redis' clock. */
  at: number;
  rate: number;
  /** When the room was made, in milliseconds: another one is there after Redis has lost it. */
  born: number;
  /** Who is admitted by this step, by place. */
  users: string[];
}

/** The waiting rooms in Redis: who stands where, and how far the admissions have come. */
export interface WaitingRooms {
  /** Undefined where there is no room, and no mark to make it from. */
  enter(entrance: Entrance): Promise<{ place: number; room: Room } | undefined>;
  read(activityId: string): Promise<Room | undefined>;
  /** Undefined where nobody has come (back) yet. What it decides counts from `tell` on. */
  admit(step: AdmissionStep): Promise<Admission | undefined>;
  tell(activityId: string, admitted: number): Promise<void>;
}

const enterScript = loadScript<[string, number, string | number, string] | null>(__dirname, 'enter-3.lua');
const admitScript = loadScript<[number, number, number, string, string, string, ...string[]] | null>(
  __dirname,
  'admit-3.lua',
);
const tellScript = loadScript<number>(__dirname, 'tell-admitted-1.lua');
const keepAfterEndSeconds = 86_400;

export function createWaitingRooms({ redis, keys }: { redis: Redis; keys: Keys }): WaitingRooms {
  const keysOf = (activityId: string): [string, string, string] => {
    const tagged = keys.tagged(`a:${activityId}`);
    return [tagged('room'), tagged('room-window'), tagged('room-line')];
  };

  return {
    async enter({ id, userId, lot, startsAt, endsAt, held, mark }) {
      const expiresAt = Math.ceil(endsAt.getTime() / 1_000) + keepAfterEndSeconds;
      const args = [userId, lot, startsAt.getTime(), expiresAt];
      const ticket = [held?.place ?? 0, held?.place === 0 ? 1 : 0];
      const saved = mark ? [mark.window, mark.issued, mark.admitted] : [];
      const reply = await enterScript.run(redis, keysOf(id), [...args, ...ticket, ...saved]);
      if (!reply) return undefined;
      const [born, place, admitted, pace] = reply;
      return { place, room: { born: Number(born), admitted: Number(admitted), pace: Number(pace) } };
    },
    async read(activityId) {
      const [room] = keysOf(activityId);
      const [born, admitted, pace] = await redis.hmget(room, 'born', 'admitted', 'pace');
      if (born == null) return undefined;
      return { born: Number(born), admitted: Number(admitted ?? 0), pace: Number(pace ?? 0) };
    },
    async admit({ id, startsAt, endsAt, mark, isSelling, rate }) {
      const times = [startsAt.getTime(), endsAt.getTime()];
      const rates =
        typeof rate === 'number'
          ? [rate, 0, 0, 0, 0]
          : [0, rate.least, rate.most, rate.waiting, rate.mostWaiting];
      const args = [mark.window, mark.admitted, ...times, isSelling ? 1 : 0, ...rates];
      const reply = await admitScript.run(redis, keysOf(id), args);
      if (!reply) return undefined;
      const [window, issued, admitted, at, reachedRate, born, ...users] = reply;
      const numbers = { at: Number(at), rate: Number(reachedRate), born: Number(born) };
      return { window, issued, admitted, ...numbers, users };
    },
    async tell(activityId, admitted) {
      const [room] = keysOf(activityId);
      await tellScript.run(redis, [room], [admitted]);
    },
  };
}
