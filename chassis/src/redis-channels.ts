import type { Redis } from 'ioredis';
import type { Component } from './lifecycle';
import type { Logger } from './logger';
import { duplicateForChannels } from './redis-cluster';

export interface ChannelListener {
  onMessage(message: string): void;
  /** From now on messages arrive. Those before, at the start or while Redis was away, went to nobody here, and never will. */
  onListening(): void;
}

/** Messages between processes, for what has to be fast and may be lost: Redis keeps none of them for who is away. */
export interface RedisChannels extends Component {
  /** One listener a channel. */
  listen(channel: string, listener: ChannelListener): void;
  unlisten(channel: string): void;
}

/** One connection of its own for all channels; it comes back by itself, and listens to all of them again. */
export function createRedisChannels(options: {
  /** Any connection to the same server or cluster: its settings are taken over. */
  redis: Redis;
  logger: Logger;
}): RedisChannels {
  const { logger } = options;
  const listeners = new Map<string, ChannelListener>();
  const connection = duplicateForChannels(options.redis);
  // The outage is logged by the connection that this one was made from.
  connection.on('error', () => undefined);
  connection.on('ready', () => void subscribe([...listeners.keys()]));
  connection.on('message', (channel: string, message: string) => listeners.get(channel)?.onMessage(message));

  async function subscribe(channels: string[]): Promise<void> {
    // One that is away listens to all when it is back.
    if (connection.status !== 'ready' || channels.length === 0) return;
    try {
      await connection.subscribe(...channels);
    } catch (error) {
      logger.debug('channels not listened to, connecting again', { channels: channels.length, error });
      if (connection.status === 'ready') connection.disconnect(true);
      return;
    }
    for (const channel of channels) listeners.get(channel)?.onListening();
  }

  return {
    name: 'redis channels',
    listen(channel, listener) {
      listeners.set(channel, listener);
      void subscribe([channel]);
    },
    unlisten(channel) {
      listeners.delete(channel);
      // What cannot be said to Redis now, Redis has forgotten with the connection.
      if (connection.status === 'ready') connection.unsubscribe(channel).catch(() => undefined);
    },
    start: () => connection.connect(),
    stop: () => {
      listeners.clear();
      connection.disconnect();
      return Promise.resolve();
    },
  };
}
