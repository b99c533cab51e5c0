import type { DataSource } from 'typeorm';
import type { SharedReads } from '@onrush/chassis/shared-reads';
import { roomMarks } from '../data/room-marks';
import type { WaitingRooms } from '../data/waiting-rooms';
import { statusOf } from '../domain/activity';
import type { TokenHolder } from '../domain/signed-bytes';
import type { QueueTickets } from '../domain/queue-ticket';
import {
  standingOf,
  type HeldPlace,
  type Room,
  type Standing,
  type WaitingRoomPlan,
} from '../domain/waiting-room';
import { errors } from '../errors';
import type { ActivityReads } from './activity-reads';
import type { ActivityWithSale } from './find-activities';

export interface QueueUp {
  db: DataSource;
  reads: ActivityReads;
  rooms: WaitingRooms;
  /** Of each room, a few times a second, however many ask. */
  roomReads: SharedReads<Room | undefined>;
  queueTickets: QueueTickets;
}

export interface OwnStanding extends Standing {
  held: HeldPlace;
  /** The one to come back with. */
  ticket: string;
}

/** The place of somebody who comes for the first time, or comes back: it is the same one. */
export async function enterQueue(
  deps: QueueUp,
  holder: TokenHolder,
  ticket: string | undefined,
): Promise<OwnStanding> {
  const sale = await findWithRoom(deps, holder);
  const { activity, plan } = sale;
  const held = ticket === undefined ? undefined : readTicket(deps, holder, ticket);
  const now = Date.now();
  if (statusOf(activity, sale.live, new Date(now)) === 'ENDED') throw errors.ended();
  const opensInMs = activity.startsAt.getTime() - plan.opensMinutes * 60_000 - now;
  // Whether it is warmed up makes no difference: that may come as late as the start.
  if (opensInMs > 0) throw errors.waitingRoomNotOpen({ retryAfterSeconds: Math.ceil(opensInMs / 1_000) });
  return standAt(deps, sale, { holder, ...(await enter(deps, sale, { holder, held })) });
}

/** How somebody stands who has a ticket. */
export async function findStanding(deps: QueueUp, holder: TokenHolder, ticket: string): Promise<OwnStanding> {
  return followStanding(deps, holder, readTicket(deps, holder, ticket));
}

/**
 * The same of a place that is known already. Once it is drawn it is final, and nobody is asked but what all share; only a place that is still to be
 * drawn, and one of a room that Redis has lost, is looked for in Redis.
 */
export async function followStanding(
  deps: QueueUp,
  holder: TokenHolder,
  held: HeldPlace,
): Promise<OwnStanding> {
  const [sale, room] = await Promise.all([findWithRoom(deps, holder), deps.roomReads.get(holder.activityId)]);
  const isDrawn = held.place > 0 || sale.activity.startsAt.getTime() > Date.now();
  if (room?.born === held.born && isDrawn) return standAt(deps, sale, { holder, held, room });
  return standAt(deps, sale, { holder, ...(await enter(deps, sale, { holder, held })) });
}

/** Throws unless it is this user's turn. Another process may have told so before this one has heard of it: Redis is asked before it is denied. */
export async function assertAdmitted(
  deps: QueueUp,
  holder: TokenHolder,
  ticket: string | undefined,
): Promise<void> {
  if (ticket === undefined) throw errors.notAdmitted();
  const shared = await findStanding(deps, holder, ticket);
  if (shared.status === 'ADMITTED') return;
  const sale = await findWithRoom(deps, holder);
  const entered = await enter(deps, sale, { holder, held: shared.held });
  const { status, pollAfterSeconds } = standAt(deps, sale, { holder, ...entered });
  if (status !== 'ADMITTED') throw errors.notAdmitted({ retryAfterSeconds: pollAfterSeconds });
}

type SaleWithRoom = ActivityWithSale & { plan: WaitingRoomPlan };

async function findWithRoom({ reads }: QueueUp, holder: TokenHolder): Promise<SaleWithRoom> {
  const { activityId } = holder;
  const found = await reads.findFor(holder);
  const { waitingRoom: plan } = found.activity;
  if (!plan) throw errors.noWaitingRoom({ meta: { activityId } });
  return { ...found, plan };
}

function readTicket({ queueTickets }: QueueUp, holder: TokenHolder, ticket: string): HeldPlace {
  const held = queueTickets.read(ticket, holder);
  if (!held) throw errors.queueTicketRefused();
  return held;
}

/** A room that is not there yet, or not any more, is made from what MySQL knows of it. */
async function enter(
  { db, rooms, queueTickets }: QueueUp,
  { activity: { id, startsAt, endsAt } }: SaleWithRoom,
  { holder, held }: { holder: TokenHolder; held: HeldPlace | undefined },
): Promise<{ held: HeldPlace; room: Room }> {
  const lot = queueTickets.lotOf(holder);
  const entrance = { id, startsAt, endsAt, userId: holder.userId, lot, held, mark: undefined };
  const entered =
    (await rooms.enter(entrance)) ??
    (await rooms.enter({ ...entrance, mark: await roomMarks.read(db.manager, id) }));
  if (!entered) throw new Error('a waiting room was not made');
  const { place, room } = entered;
  return { held: { place, born: room.born }, room };
}

function standAt(
  { queueTickets }: QueueUp,
  { activity, live, plan }: SaleWithRoom,
  { holder, held, room }: { holder: TokenHolder; held: HeldPlace; room: Room },
): OwnStanding {
  const now = new Date();
  const sale = { status: statusOf(activity, live, now), startsAt: activity.startsAt, room, plan };
  const standing = standingOf(held, sale, { now, random: Math.random() });
  return { ...standing, held, ticket: queueTickets.issue(holder, held, activity.endsAt) };
}
