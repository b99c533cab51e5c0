import type { Admin } from 'kafkajs';
import type { Metrics } from './metrics';
import { createReading, type Reading } from './reading';

/** How far the groups of a process are behind. */
export interface ConsumerLags {
  /** A group by the name that is shown; of one that joins Kafka under a name of its own, the one `id`. */
  of(group: { name: string; id: string; types: string[]; topicOf(type: string): string }): {
    show(): void;
    hide(): void;
  };
}

/** A group's events that it has not committed, by type. */
type Lag = Map<string, number>;

/**
 * The broker is asked, not the consumer: one that hangs knows nothing of what has come since. Every process of a group says the same of it, so that
 * what a process that died has left behind is seen, too.
 */
export function createConsumerLags(admin: () => Admin, metrics: Metrics): ConsumerLags {
  const shown = new Map<string, { name: string; lag: Reading<Lag> }>();

  async function read(): Promise<{ labels: { group: string; topic: string }; lag: number }[]> {
    const all = await Promise.all(
      [...shown.values()].map(async ({ name, lag }) =>
        [...((await lag.latest()) ?? [])].map(([topic, lag]) => ({ labels: { group: name, topic }, lag })),
      ),
    );
    return all.flat();
  }

  return {
    of({ name, id, types, topicOf }) {
      metrics.gauge('kafka_consumer_lag', 'Events that a group has not committed', ['group', 'topic'], {
        ofWorkers: 'max',
        async collect(gauge) {
          const lags = await read();
          gauge.reset();
          for (const { labels, lag } of lags) gauge.set(labels, lag);
        },
      });
      const readLag = async (): Promise<Lag> => {
        const lags = await lagOf(admin(), id, types.map(topicOf));
        return new Map(types.map((type, index) => [type, lags[index] ?? 0]));
      };
      const lag = createReading({ read: readLag });
      return { show: () => void shown.set(id, { name, lag }), hide: () => void shown.delete(id) };
    },
  };
}

/** Of each topic, over all partitions: one question about the group, two about each topic. */
async function lagOf(admin: Admin, groupId: string, topics: string[]): Promise<number[]> {
  const [committed, ...ends] = await Promise.all([
    admin.fetchOffsets({ groupId, topics }),
    ...topics.map((topic) => admin.fetchTopicOffsets(topic)),
  ]);
  return topics.map((topic, index) => {
    const offsets = new Map(
      committed
        .find((of) => of.topic === topic)
        ?.partitions.map(({ partition, offset }) => [partition, Number(offset)]),
    );
    return (ends[index] ?? []).reduce((sum, { partition, low, high }) => {
      // Of a partition that nothing was committed of, the offset is -1; and what was committed may be gone by its age.
      const from = Math.max(offsets.get(partition) ?? -1, Number(low));
      return sum + Math.max(0, Number(high) - from);
    }, 0);
  });
}
