import type { DataSource } from 'typeorm';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { Keys } from '@onrush/chassis/redis';
import type { RedisChannels } from '@onrush/chassis/redis-channels';
import { reservationLedger } from '../data/reservation-ledger';
import { parseResultChange, resultChannel } from '../data/result-news';
import { isLater, type Reservation } from '../domain/reservation';

/** Follows what becomes of reservations, for those who wait for it in this process. */
export interface Results extends Component {
  /** Calls `tell` with each later state of the reservation, never with an earlier one. What is returned ends it. */
  follow(reservation: Reservation, tell: (reservation: Reservation) => void): () => void;
}

export interface ResultsOptions {
  db: DataSource;
  keys: Keys;
  channels: RedisChannels;
  /** How often the ledger is asked for all that are followed. */
  checkMs: number;
  logger: Logger;
}

interface Follower {
  reservation: Reservation;
  tell: (reservation: Reservation) => void;
}

type State = Pick<Reservation, 'status' | 'reason' | 'updatedAt'>;

interface FollowedSale {
  /** By reservation. */
  followers: Map<string, Set<Follower>>;
  isListening: boolean;
}

const idsPerQuery = 1_000;
/** Those who come together are looked up together. */
const gatherMs = 20;

/**
 * The worker that changes a reservation says so on the channel of its activity, to which a process listens as long as somebody in it follows one
 * there. A message may be lost, so the ledger is asked besides: once when messages begin to arrive, for what happened before, and for all that
 * are followed every `checkMs`.
 */
export function createResults(options: ResultsOptions): Results {
  const { db, keys, channels, checkMs, logger } = options;
  const sales = new Map<string, FollowedSale>();
  const wanted = new Set<string>();
  let gathering: NodeJS.Timeout | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isChecking = false;

  function advance(activityId: string, id: string, state: State): void {
    for (const follower of sales.get(activityId)?.followers.get(id) ?? []) {
      if (!isLater(state.status, follower.reservation.status)) continue;
      follower.reservation = { ...follower.reservation, ...state };
      follower.tell(follower.reservation);
    }
  }

  /** One query for all; those that the ledger does not know yet are still QUEUED. */
  async function lookUp(ids: string[]): Promise<void> {
    try {
      for (let from = 0; from < ids.length; from += idsPerQuery) {
        const found = await reservationLedger.findMany(db, ids.slice(from, from + idsPerQuery));
        for (const { activityId, id, status, reason, updatedAt } of found)
          advance(activityId, id, { status, reason, updatedAt });
      }
    } catch (error) {
      logger.warn('results not looked up, trying again', { reservations: ids.length, error });
    }
  }

  function lookUpSoon(ids: Iterable<string>): void {
    for (const id of ids) wanted.add(id);
    gathering ??= setTimeout(() => {
      gathering = undefined;
      const together = [...wanted];
      wanted.clear();
      void lookUp(together);
    }, gatherMs);
  }

  async function checkAll(): Promise<void> {
    if (isChecking) return;
    isChecking = true;
    await lookUp([...sales.values()].flatMap(({ followers }) => [...followers.keys()]));
    isChecking = false;
  }

  function onMessage(activityId: string, message: string): void {
    const change = parseResultChange(message);
    if (!change) return logger.warn('a message about results that nobody here understands', { activityId });
    const { status, reason, at: updatedAt, ids } = change;
    for (const id of ids) advance(activityId, id, { status, reason, updatedAt });
  }

  function begin(activityId: string): FollowedSale {
    const sale: FollowedSale = { followers: new Map(), isListening: false };
    sales.set(activityId, sale);
    channels.listen(resultChannel(keys, activityId), {
      onMessage: (message) => onMessage(activityId, message),
      onListening: () => {
        sale.isListening = true;
        lookUpSoon(sale.followers.keys());
      },
    });
    return sale;
  }

  function leave(follower: Follower): void {
    const { id, activityId } = follower.reservation;
    const sale = sales.get(activityId);
    const same = sale?.followers.get(id);
    same?.delete(follower);
    if (same?.size === 0) sale?.followers.delete(id);
    if (sale?.followers.size !== 0) return;
    sales.delete(activityId);
    channels.unlisten(resultChannel(keys, activityId));
  }

  return {
    name: 'results',
    follow(reservation, tell) {
      const { id, activityId } = reservation;
      const follower = { reservation, tell };
      const sale = sales.get(activityId) ?? begin(activityId);
      const same = sale.followers.get(id) ?? new Set();
      sale.followers.set(id, same.add(follower));
      if (sale.isListening) lookUpSoon([id]);
      return () => leave(follower);
    },
    start: () => {
      timer = setInterval(() => void checkAll(), checkMs);
      return Promise.resolve();
    },
    stop: () => {
      clearInterval(timer);
      clearTimeout(gathering);
      return Promise.resolve();
    },
  };
}
