import Encoder from 'kafkajs/src/protocol/encoder';
import { RecordBatch, type BatchArguments } from 'kafkajs/src/protocol/recordBatch/v0';
import createRecord from 'kafkajs/src/protocol/recordBatch/record/v0';
import response from 'kafkajs/src/protocol/requests/fetch/v11/response';
import { mendFetch } from '../src/kafka-fetched';

const gzip = 1;
const flagOf = { logAppendTime: 0x08, control: 0x20 };
const texts = [Buffer.from(''), Buffer.from('x'), Buffer.from('票'.repeat(40)), Buffer.alloc(200, 'z')];
const headers = { id: '1', name: '票', bytes: Buffer.from([0, 255]), twice: ['a', 'b', 'c'], empty: '' };

const recordsOf = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    createRecord({
      offsetDelta: index,
      timestampDelta: index % 3 === 0 ? index * 1_000_003 : -index,
      key: index % 5 === 0 ? null : (texts[index % 4] ?? null),
      value: index % 7 === 0 ? null : (texts[(index * 3) % 4] ?? null),
      headers: index % 2 === 0 ? headers : {},
    }),
  );

async function batch(options: BatchArguments & { flags?: number } = {}): Promise<Buffer> {
  const encoder = await RecordBatch({
    firstOffset: 70_000,
    firstTimestamp: 1_800_000_000_000,
    maxTimestamp: 1_800_000_000_999,
    partitionLeaderEpoch: 4,
    producerId: 4_000,
    producerEpoch: 3,
    firstSequence: 17,
    records: recordsOf(40),
    ...options,
  });
  const bytes = Buffer.from(encoder.buffer);
  bytes.writeInt16BE(bytes.readInt16BE(21) | (options.flags ?? 0), 21);
  return bytes;
}

const partitionOf = (partition: number, messages: Buffer) =>
  new Encoder()
    .writeInt32(partition)
    .writeInt16(0)
    .writeInt64(80_000)
    .writeInt64(80_001)
    .writeInt64(5)
    .writeInt32(1)
    .writeInt64(9)
    .writeInt64(70_001)
    .writeInt32(-1)
    .writeInt32(messages.length)
    .writeBuffer(messages);

function responseOf(...partitions: Buffer[]): Buffer {
  const encoder = new Encoder().writeInt32(3).writeInt16(0).writeInt32(12).writeInt32(2);
  for (const topic of ['a', 'topic.b']) {
    encoder.writeString(topic).writeInt32(partitions.length);
    for (const [index, messages] of partitions.entries())
      encoder.writeBuffer(partitionOf(index, messages).buffer);
  }
  return encoder.buffer;
}

const original = response.decode;

test('what was fetched reads as kafkajs reads it, and what is not ours is left to it', async () => {
  const plain = await batch();
  const all: Record<string, Buffer[]> = {
    'several batches and partitions': [
      Buffer.concat([plain, await batch({ firstOffset: 70_040 })]),
      Buffer.alloc(0),
      plain,
    ],
    'a batch that is there in part': [Buffer.concat([plain, plain.subarray(0, 200)])],
    'a head that is there in part': [Buffer.concat([plain, plain.subarray(0, 48)])],
    'headers that change from record to record': [
      await batch({
        records: [{ ab: '1', c: '2' }, { ac: '3' }, { c: '4', ab: '5', abc: '6' }, {}, { a: '7' }].map(
          (own) => createRecord({ value: null, headers: own }),
        ),
      }),
    ],
    'less than is announced': [plain.subarray(0, 300)],
    'no record': [await batch({ records: [] })],
    'time of the broker': [await batch({ flags: flagOf.logAppendTime })],
    'the end of a transaction': [await batch({ transactional: true, flags: flagOf.control })],
    'offsets and times as long as they get': [
      await batch({ firstOffset: 2 ** 52, firstTimestamp: -1, producerId: 2 ** 60 }),
      await batch({ firstOffset: 2n ** 62n }),
    ],
    'a compressed batch': [plain, await batch({ compression: gzip })],
    'headers of unfortunate names': [
      await batch({ records: [createRecord({ value: null, headers: { constructor: 'y' } })] }),
      await batch({
        records: [createRecord({ value: null, headers: { ['__proto__']: 'x' } })],
      }),
    ],
  };
  const before = new Map<string, response.Fetched>();
  for (const [name, partitions] of Object.entries(all))
    before.set(name, await original(responseOf(...partitions)));

  mendFetch();

  for (const [name, partitions] of Object.entries(all))
    expect({ name, fetched: await response.decode(responseOf(...partitions)) }).toEqual({
      name,
      fetched: before.get(name),
    });
});

test('ours are read without kafkajs', async () => {
  let byKafkajs = 0;
  response.decode = (raw) => {
    byKafkajs += 1;
    return original(raw);
  };
  mendFetch();

  const plain = await batch();
  const cut = Buffer.concat([plain, plain.subarray(0, 200)]);
  const { responses } = await response.decode(responseOf(plain, cut));
  await response.decode(responseOf(await batch({ compression: gzip, records: [] })));

  expect(responses[1]?.partitions[0]?.messages).toHaveLength(40);
  expect(byKafkajs).toBe(1);
});

test('what cannot be read is an error, as it was', async () => {
  mendFetch();

  await expect(response.decode(responseOf(await batch()).subarray(0, 40))).rejects.toThrow();
});
