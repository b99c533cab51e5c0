import { Partitioners, type ICustomPartitioner } from 'kafkajs';

/**
 * The partition of a key as Kafka's own clients choose it, which all processes have to agree on. kafkajs computes the same hash with a bigint for
 * each step. What has no key, or one of bytes, goes where kafkajs sends it.
 */
export const createPartitioner: ICustomPartitioner = () => {
  const byDefault = Partitioners.DefaultPartitioner();
  return (args) => {
    const { key } = args.message;
    return typeof key === 'string' ? partitionOf(key, args.partitionMetadata.length) : byDefault(args);
  };
};

export const partitionOf = (key: string, partitions: number): number =>
  (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions;

const seed = 0x9747b28c;
const multiplier = 0x5bd1e995;

/** MurmurHash2, 32 bits, as org.apache.kafka.common.utils.Utils has it. */
function murmur2(data: Buffer): number {
  const whole = data.length - (data.length % 4);
  let hash = seed ^ data.length;
  for (let at = 0; at < whole; at += 4) {
    const word = Math.imul(data.readInt32LE(at), multiplier);
    hash = Math.imul(hash, multiplier) ^ Math.imul(word ^ (word >>> 24), multiplier);
  }
  if (whole < data.length) {
    for (let at = data.length - 1; at >= whole; at -= 1) hash ^= (data[at] ?? 0) << (8 * (at - whole));
    hash = Math.imul(hash, multiplier);
  }
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return hash ^ (hash >>> 15);
}
