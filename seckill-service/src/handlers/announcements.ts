import type { Keys } from '@onrush/chassis/redis';
import type { RedisChannels } from '@onrush/chassis/redis-channels';
import { announcements } from '../data/announcements';
import type { ActivityReads } from '../use-cases/activity-reads';
import type { SoldOutMemory } from '../use-cases/sold-out';

/** What this process remembers of a live sale ends when somebody changes it, in whatever process. */
export function hearAnnouncements(deps: {
  channels: RedisChannels;
  keys: Keys;
  soldOut: SoldOutMemory;
  reads: ActivityReads;
}): void {
  const { channels, keys, soldOut, reads } = deps;
  channels.listen(announcements(keys), {
    onMessage(activityId) {
      soldOut.forget(activityId);
      reads.forget(activityId);
    },
    onListening: () => soldOut.forget(),
  });
}
