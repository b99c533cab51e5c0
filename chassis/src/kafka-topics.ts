import { setTimeout as wait } from 'node:timers/promises';
import type { Admin } from 'kafkajs';

const attempts = 50;
const betweenMs = 100;

type TopicAdmin = Pick<Admin, 'listTopics' | 'createTopics' | 'fetchTopicMetadata'>;

/** Those of these topics that there are not yet, with the replicas that the cluster is set to. Returns when all have leaders, or throws after five seconds. */
export async function createMissingTopics(
  admin: TopicAdmin,
  topics: string[],
  partitions: number,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await createMissing(admin, topics, partitions);
    } catch (error) {
      if (!goesBy(error) || attempt >= attempts) throw error;
      await wait(betweenMs);
    }
  }
}

async function createMissing(admin: TopicAdmin, topics: string[], partitions: number): Promise<void> {
  const existing = new Set(await admin.listTopics());
  const missing = topics.filter((topic) => !existing.has(topic));
  // Answers false, and throws nothing, where another service was faster.
  if (missing.length > 0)
    await admin.createTopics({
      topics: missing.map((topic) => ({ topic, numPartitions: partitions })),
      waitForLeaders: false,
    });
  const { topics: described } = await admin.fetchTopicMetadata({ topics });
  const leaderless = described.some(({ partitions: parts }) =>
    parts.some((partition) => partition.leader < 0),
  );
  if (leaderless) throw Object.assign(new Error('a topic has no leader yet'), { retriable: true });
}

interface KafkaError {
  retriable?: boolean;
  /** Of several topics, one for each. */
  errors?: { type?: string }[];
}

/**
 * Several services make the same topics at once, and a new topic has no leader for a moment. A broker that has just opened its port may not have
 * registered yet, and of none there can be no replica.
 */
const goesBy = (error: unknown): boolean => {
  const { retriable = false, errors = [] } = error as KafkaError;
  return retriable || errors.some(({ type }) => type === 'INVALID_REPLICATION_FACTOR');
};
