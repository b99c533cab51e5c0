import type { ActivityStatus } from './activity';

/** How a sale lets its crowd in. */
export interface WaitingRoomPlan {
  /** People per second, or as many as the back end keeps up with. */
  rate: number | 'adaptive';
  /** So long before the start the room opens. Those who come before the start have their order drawn by lot, the others follow as they come. */
  opensMinutes: number;
}

/** What everybody who waits has to know of a room, and may share. */
export interface Room {
  /** When it was made, in milliseconds: another one after Redis had lost it. */
  born: number;
  /** Everybody up to this place may buy. */
  admitted: number;
  /** People per second, measured while somebody waited and the sale was open; 0 while nothing is known. */
  pace: number;
}

/** What a ticket says of a place. */
export interface HeldPlace {
  /** 0: in the opening window, drawn when the sale starts. */
  place: number;
  /** Of the room that gave it out. */
  born: number;
}

export type StandingStatus = 'WAITING' | 'ADMITTED' | 'PAUSED' | 'SOLD_OUT' | 'CLOSED';

export interface Standing {
  status: StandingStatus;
  /** 1 is the next; null while it is not drawn, and once there is nothing to wait for. */
  position: number | null;
  /** Null while nobody can tell. */
  etaSeconds: number | null;
  pollAfterSeconds: number;
}

const longestPollSeconds = 15;
/** Those who wait for the start do not all ask in the same second. */
const spreadSeconds = 3;
const pollsPerWait = 4;

/** The crowd's cost is a poll each: the further away somebody's turn is, the later they are told to ask again. */
export function standingOf(
  { place }: HeldPlace,
  sale: { status: ActivityStatus; startsAt: Date; room: Room; plan: WaitingRoomPlan },
  { now, random }: { now: Date; random: number },
): Standing {
  const { room, plan } = sale;
  if (sale.status === 'ENDED')
    return { status: 'CLOSED', position: null, etaSeconds: null, pollAfterSeconds: longestPollSeconds };
  if (place > 0 && place <= room.admitted)
    return { status: 'ADMITTED', position: null, etaSeconds: 0, pollAfterSeconds: longestPollSeconds };
  const position = place > 0 ? place - room.admitted : null;
  if (position === null || sale.status === 'NOT_STARTED') {
    const untilStart = Math.max(0, (sale.startsAt.getTime() - now.getTime()) / 1_000);
    const pollAfterSeconds = pollIn(untilStart + random * spreadSeconds);
    return { status: 'WAITING', position, etaSeconds: null, pollAfterSeconds };
  }
  const standsStill = sale.status !== 'OPEN';
  const status = standsStill ? (sale.status as 'PAUSED' | 'SOLD_OUT') : 'WAITING';
  const pace = room.pace || (plan.rate === 'adaptive' ? 0 : plan.rate);
  const etaSeconds = standsStill || pace === 0 ? null : Math.ceil(position / pace);
  return {
    status,
    position,
    etaSeconds,
    pollAfterSeconds: pollIn((etaSeconds ?? longestPollSeconds) / pollsPerWait),
  };
}

const pollIn = (seconds: number): number => Math.max(1, Math.min(longestPollSeconds, Math.ceil(seconds)));

/** Lots are whole numbers below this. */
export const lots = 2 ** 48;
