import Encoder from 'kafkajs/src/protocol/encoder';

/**
 * kafkajs 2.2.4 begins each record, and each of its headers, with 512 zeroed bytes of their own, and makes an array and a buffer for every number
 * of a few bits: in the middle of a sale that was a tenth of what the services do. What it writes stays the same to the byte.
 */
export function mendEncoder(): void {
  const { prototype } = Encoder;
  const { writeVarLong } = prototype;
  const { sizeOfVarLong } = Encoder;

  // Only the constructor still asks for it: an encoder begins with nothing, and takes what it needs from Node's pool.
  Encoder.nextPowerOfTwo = () => 0;
  prototype.ensureAvailable = function (this: Encoder, length: number) {
    const needed = this.offset + length;
    if (needed <= this.buf.length) return;
    const larger = Buffer.allocUnsafe(Math.max(fewestBytes, 2 ** Math.ceil(Math.log2(needed))));
    this.buf.copy(larger, 0, 0, this.offset);
    this.buf = larger;
  };
  prototype.writeUVarInt = function (this: Encoder, value: number) {
    this.ensureAvailable(mostBytesOfVarInt);
    let rest = value >>> 0;
    for (; rest > 0x7f; rest >>>= 7) this.buf[this.offset++] = (rest & 0x7f) | 0x80;
    this.buf[this.offset++] = rest;
    return this;
  };
  prototype.writeVarLong = function (this: Encoder, value: unknown) {
    return isSmall(value) ? this.writeVarInt(value) : writeVarLong.call(this, value);
  };
  Encoder.sizeOfVarLong = (value) =>
    isSmall(value) ? Encoder.sizeOfVarInt(value) : sizeOfVarLong.call(Encoder, value);
}

/** A header of ours fits. */
const fewestBytes = 128;
const mostBytesOfVarInt = 5;

/** Its zigzag code has 32 bits, so that it is the same as an int and as a long. */
const isSmall = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 30;
