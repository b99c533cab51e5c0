import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { TokenHolder } from '../domain/signed-bytes';
import { followStanding, type OwnStanding, type QueueUp } from './queue-up';

/** Follows how those stand who wait for it in this process. */
export interface Queues extends Component {
  /** Calls `tell` whenever it has become another. What is returned ends it. */
  follow(holder: TokenHolder, standing: OwnStanding, tell: (standing: OwnStanding) => void): () => void;
}

interface Follower {
  holder: TokenHolder;
  standing: OwnStanding;
  tell: (standing: OwnStanding) => void;
}

/** All of them share what is read of a room: however many follow, Redis is asked a few times a second. */
export function createQueues(deps: QueueUp & { tellMs: number; logger: Logger }): Queues {
  const { tellMs, logger } = deps;
  const followers = new Set<Follower>();
  let timer: NodeJS.Timeout | undefined;
  let isTelling = false;

  async function look(follower: Follower): Promise<void> {
    const { holder, standing } = follower;
    const found = await followStanding(deps, holder, standing.held);
    if (!followers.has(follower) || isSame(found, standing)) return;
    follower.standing = found;
    follower.tell(found);
  }

  async function lookAtAll(): Promise<void> {
    if (isTelling) return;
    isTelling = true;
    const results = await Promise.allSettled([...followers].map(look));
    isTelling = false;
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) logger.warn('places in waiting rooms not looked up, trying again', { error: failed.reason });
  }

  return {
    name: 'queues',
    follow(holder, standing, tell) {
      const follower = { holder, standing, tell };
      followers.add(follower);
      return () => void followers.delete(follower);
    },
    start: () => {
      timer = setInterval(() => void lookAtAll(), tellMs);
      return Promise.resolve();
    },
    stop: () => {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}

const isSame = (a: OwnStanding, b: OwnStanding): boolean =>
  a.status === b.status && a.position === b.position && a.ticket === b.ticket;
