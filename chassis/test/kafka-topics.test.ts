import { KafkaJSAggregateError, type ITopicMetadata } from 'kafkajs';
import { createMissingTopics } from '../src/kafka-topics';

/** As kafkajs throws it: an error for each topic, of the type that the protocol names. */
const refusedFor = (type: string): Error =>
  new KafkaJSAggregateError('Topic creation errors', [Object.assign(new Error(type), { type })]);
const withLeader = (leader: number): { topics: ITopicMetadata[] } => ({
  topics: [
    {
      name: 'a',
      partitions: [
        { partitionErrorCode: 0, partitionId: 0, leader, replicas: [1], isr: [1], offlineReplicas: [] },
      ],
    },
  ],
});

/** A cluster in which topic `there` is; how it comes to the others, the test says. */
const clusterOf = () => ({
  listTopics: jest.fn(() => Promise.resolve(['there'])),
  createTopics: jest.fn((_wanted: unknown) => Promise.resolve(true)),
  fetchTopicMetadata: jest.fn(() => Promise.resolve(withLeader(1))),
});

test('only those that there are not are made', async () => {
  const cluster = clusterOf();

  await createMissingTopics(cluster, ['there', 'a'], 3);

  expect(cluster.createTopics.mock.calls).toEqual([
    [{ topics: [{ topic: 'a', numPartitions: 3 }], waitForLeaders: false }],
  ]);
});

test('a broker that has not registered yet, and a topic without a leader, are waited for', async () => {
  const cluster = clusterOf();
  cluster.createTopics
    .mockRejectedValueOnce(refusedFor('INVALID_REPLICATION_FACTOR'))
    .mockRejectedValueOnce(refusedFor('INVALID_REPLICATION_FACTOR'));
  cluster.fetchTopicMetadata.mockResolvedValueOnce(withLeader(-1));

  await createMissingTopics(cluster, ['a'], 3);

  expect(cluster.createTopics).toHaveBeenCalledTimes(4);
});

test('what does not go by is thrown at once', async () => {
  const cluster = clusterOf();
  const refused = refusedFor('TOPIC_AUTHORIZATION_FAILED');
  cluster.createTopics.mockRejectedValue(refused);

  await expect(createMissingTopics(cluster, ['a'], 3)).rejects.toBe(refused);
  expect(cluster.createTopics).toHaveBeenCalledTimes(1);
});
