import { Partitioners } from 'kafkajs';
import produce from 'kafkajs/src/protocol/requests/produce';
import { partitionOf } from '../src/kafka-partitioner';
import { mendProduce } from '../src/kafka-records';

const texts = ['', 'x', '票'.repeat(40), 'y'.repeat(63), 'y'.repeat(64), 'z'.repeat(9_000)];
const contents = [...texts, ...texts.map((text) => Buffer.from(text)), null];
const headers = {
  id: '1',
  name: '票',
  bytes: Buffer.from([0, 255]),
  twice: ['a', Buffer.from('b')],
  empty: '',
};
const messages = Array.from({ length: 300 }, (_, index) => ({
  key: contents[index % contents.length] ?? null,
  value: contents[(index * 5) % contents.length] ?? null,
  ...(index % 3 > 0 && { headers: index % 3 === 1 ? headers : {} }),
}));
const ours: produce.ProduceArguments = {
  acks: -1,
  timeout: 30_000,
  producerId: 4_000,
  producerEpoch: 3,
  topicData: [
    {
      topic: 'a',
      partitions: [
        { partition: 0, firstSequence: 0, messages },
        { partition: 5, firstSequence: 70_000, messages: messages.slice(7, 8) },
      ],
    },
    { topic: 'b', partitions: [{ partition: 1, firstSequence: 9, messages: messages.slice(0, 70) }] },
  ],
};
const stamped = messages.map((message, index) => ({
  ...message,
  timestamp: String(1_700_000_000_000 + index),
}));
const notOurs: produce.ProduceArguments[] = [
  { ...ours, transactionalId: 't' },
  { ...ours, compression: 1 },
  {
    ...ours,
    topicData: [{ topic: 'a', partitions: [{ partition: 0, firstSequence: 0, messages: stamped }] }],
  },
];

afterEach(() => jest.useRealTimers());

test('the mended request has the same bytes, and what is not ours is left alone', async () => {
  jest.useFakeTimers({ now: 1_800_000_000_000, doNotFake: ['nextTick', 'setImmediate'] });
  const encoded = () =>
    Promise.all(
      [3, 5, 7].flatMap((version) =>
        [ours, ...notOurs].map(async (args) => {
          const encoder = await produce.protocol({ version })(args).request.encode();
          return encoder.buffer.toString('hex');
        }),
      ),
    );
  const before = await encoded();

  mendProduce();

  expect(await encoded()).toEqual(before);
});

test('a key has the partition that kafkajs, and so every other client, gives it', () => {
  const byKafkajs = Partitioners.DefaultPartitioner();
  const keys = [
    ...texts,
    ...Array.from({ length: 2_000 }, (_, index) => String(7_400_000_000_000 * index + index)),
  ];
  const chosen = (key: string, partitions: number) =>
    byKafkajs({
      topic: 't',
      message: { key, value: null },
      partitionMetadata: Array.from({ length: partitions }, () => ({ leader: 1 })) as never,
    });

  for (const key of keys) expect(partitionOf(key, 7)).toBe(chosen(key, 7));
  expect(new Set(keys.map((key) => partitionOf(key, 6))).size).toBe(6);
});
