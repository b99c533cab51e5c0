import { Partitioners } from 'kafkajs';
import Encoder from 'kafkajs/src/protocol/encoder';
import { mendEncoder } from '../src/kafka-encoder';
import { partitionOf } from '../src/kafka-partitioner';

const wholeNumbers = [
  0,
  1,
  -1,
  63,
  64,
  -64,
  -65,
  127,
  128,
  8_191,
  8_192,
  2 ** 30 - 1,
  2 ** 30,
  -(2 ** 30),
  2 ** 31 - 1,
];
const longs = [...wholeNumbers, 2 ** 31, -(2 ** 31), 1_700_000_000_000, -1_700_000_000_000];
const texts = ['', 'x', '票'.repeat(40), 'y'.repeat(127), 'z'.repeat(5_000)];

/** Everything that is mended, and what stands on it. */
function encoded(): { bytes: string; sizes: number[] } {
  const encoder = new Encoder();
  for (const value of wholeNumbers) encoder.writeVarInt(value).writeUVarInt(Math.abs(value));
  for (const value of longs) encoder.writeVarLong(value);
  for (const text of texts) encoder.writeVarIntBytes(text).writeVarIntBytes(Buffer.from(text));
  return { bytes: encoder.buffer.toString('hex'), sizes: longs.map((value) => Encoder.sizeOfVarLong(value)) };
}

test('the mended encoder writes the same bytes', () => {
  const before = encoded();

  mendEncoder();

  expect(encoded()).toEqual(before);
});

test('an encoder begins with nothing, and never shows more than was written', () => {
  const encoder = new Encoder();

  expect(encoder.buf).toHaveLength(0);
  expect(encoder.writeVarIntBytes('ab').buffer).toEqual(Buffer.from([4, 0x61, 0x62]));
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
