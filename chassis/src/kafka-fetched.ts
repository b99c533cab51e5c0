import Decoder from 'kafkajs/src/protocol/decoder';
import response from 'kafkajs/src/protocol/requests/fetch/v11/response';

type Fetched = response.Fetched;
type Partition = response.Partition;
type FetchedRecord = response.FetchedRecord;
type BatchContext = response.BatchContext;

/**
 * kafkajs 2.2.4 reads each number of a record as a 64-bit integer in an object of its own, cuts the record out, and copies its headers once for each of
 * them: an eighth of what consumers did in the middle of a sale. Here a response is read in one go, with the same result. What we never get is left to
 * kafkajs: compressed batches, and those in the format of before Kafka 0.11.
 */
export function mendFetch(): void {
  const { decode } = response;
  response.decode = (raw) => {
    try {
      return Promise.resolve(decodeResponse(raw));
    } catch {
      // It is not ours, or broken: then kafkajs says how.
      return decode(raw);
    }
  };
}

function decodeResponse(raw: Buffer): Fetched {
  const decoder = new Decoder(raw);
  const clientSideThrottleTime = decoder.readInt32();
  const errorCode = decoder.readInt16();
  const sessionId = decoder.readInt32();
  const responses = decoder.readArray(() => ({
    topicName: decoder.readString(),
    partitions: decoder.readArray(() => decodePartition(decoder)),
  }));
  return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses };
}

function decodePartition(decoder: Decoder): Partition {
  const int64 = () => decoder.readInt64().toString();
  return {
    partition: decoder.readInt32(),
    errorCode: decoder.readInt16(),
    highWatermark: int64(),
    lastStableOffset: int64(),
    lastStartOffset: int64(),
    abortedTransactions: decoder.readArray(() => ({ producerId: int64(), firstOffset: int64() })),
    preferredReadReplica: decoder.readInt32(),
    messages: decodeMessages(decoder),
  };
}

/** Of a batch, without the 12 bytes of its first offset and its length. */
const bytesBeforeLength = 12;
/** Below it kafkajs looks at nothing. */
const smallestBatch = 49;

/** https://kafka.apache.org/documentation/#recordbatch; the last one may be there in part, because the broker cuts where the limit is. */
function decodeMessages(decoder: Decoder): FetchedRecord[] {
  const size = decoder.readInt32();
  if (size <= 0 || !decoder.canReadBytes(size)) return [];
  const buffer = decoder.readBytes(size);
  const records: FetchedRecord[] = [];
  for (let at = 0; size - at >= smallestBatch;) {
    const end = at + bytesBeforeLength + buffer.readInt32BE(at + 8);
    if (end > size) break;
    decodeBatch(buffer.subarray(at, end), records);
    at = end;
  }
  return records;
}

const magicByte = 2;
const attribute = { codec: 0x7, isLogAppendTime: 0x8, inTransaction: 0x10, isControl: 0x20 };
const recordsAt = 61;

function decodeBatch(batch: Buffer, records: FetchedRecord[]): void {
  const attributes = batch.readInt16BE(21);
  if (batch[16] !== magicByte || (attributes & attribute.codec) > 0) throw new Error('not ours');
  const context: BatchContext = {
    firstOffset: batch.readBigInt64BE(0).toString(),
    firstTimestamp: batch.readBigInt64BE(27).toString(),
    partitionLeaderEpoch: batch.readInt32BE(12),
    inTransaction: (attributes & attribute.inTransaction) > 0,
    isControlBatch: (attributes & attribute.isControl) > 0,
    lastOffsetDelta: batch.readInt32BE(23),
    producerId: batch.readBigInt64BE(43).toString(),
    producerEpoch: batch.readInt16BE(51),
    firstSequence: batch.readInt32BE(53),
    maxTimestamp: batch.readBigInt64BE(35).toString(),
    timestampType: (attributes & attribute.isLogAppendTime) > 0 ? 1 : 0,
    magicByte,
  };
  const count = batch.readInt32BE(recordsAt - 4);
  const reader = new RecordReader(batch, context);
  for (let index = 0; index < count; index += 1) records.push(reader.next());
}

/** https://kafka.apache.org/documentation/#record */
class RecordReader {
  private at = recordsAt;
  private readonly firstOffset: number;
  private readonly firstTimestamp: number;
  private readonly headerNames: { text: string; bytes: Buffer }[] = [];

  constructor(
    private readonly batch: Buffer,
    private readonly context: BatchContext,
  ) {
    this.firstOffset = exact(Number(context.firstOffset));
    this.firstTimestamp = exact(Number(context.firstTimestamp));
  }

  next(): FetchedRecord {
    const { context } = this;
    const length = this.varInt();
    const end = this.at + length;
    const attributes = this.batch.readInt8(this.at);
    this.at += 1;
    const timestamp = String(exact(this.firstTimestamp + this.varInt()));
    const offset = String(exact(this.firstOffset + this.varInt()));
    const key = this.bytes();
    const value = this.bytes();
    const headers = this.headers();
    this.at = end;
    return {
      magicByte,
      attributes,
      timestamp: context.timestampType === 1 ? context.maxTimestamp : timestamp,
      offset,
      key,
      value,
      headers,
      isControlRecord: context.isControlBatch,
      batchContext: context,
    };
  }

  private headers(): FetchedRecord['headers'] {
    const headers: FetchedRecord['headers'] = {};
    const count = this.varInt();
    for (let index = 0; index < count; index += 1) {
      const name = this.headerName(index);
      const value = this.bytes();
      const before = headers[name];
      if (before === undefined) headers[name] = value;
      else headers[name] = Array.isArray(before) ? [...before, value] : [before, value];
    }
    return headers;
  }

  /** Nearly always that of the record before: a text that is known as the name of a property costs a tenth of one that is not. */
  private headerName(index: number): string {
    const from = this.at;
    const length = this.varInt();
    const known = this.headerNames[index];
    const start = this.at;
    this.at += length;
    if (known && isAt(this.batch, start, known.bytes, length)) return known.text;
    this.at = from;
    const bytes = this.bytes();
    const text = String(bytes);
    // Every object has one of such a name.
    if (!bytes || text in Object.prototype) throw new Error('not ours');
    this.headerNames[index] = { text, bytes };
    return text;
  }

  /** A length of -1 stands for what is missing. */
  private bytes(): Buffer | null {
    const length = this.varInt();
    if (length === -1) return null;
    const from = this.at;
    this.at += length;
    return this.batch.subarray(from, this.at);
  }

  /** Seven bits a byte, the last ones first; the sign is the lowest bit (zigzag). */
  private varInt(): number {
    let byte = this.batch.readUInt8(this.at++);
    let value = byte & 0x7f;
    for (let scale = 0x80; byte > 0x7f; scale *= 0x80) {
      byte = this.batch.readUInt8(this.at++);
      value += (byte & 0x7f) * scale;
    }
    exact(value);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

function isAt(batch: Buffer, start: number, bytes: Buffer, length: number): boolean {
  if (length !== bytes.length) return false;
  for (let index = 0; index < length; index += 1) if (batch[start + index] !== bytes[index]) return false;
  return true;
}

/** Beyond 2^53 a number is not what was sent. */
function exact(value: number): number {
  if (!Number.isSafeInteger(value)) throw new Error('not ours');
  return value;
}
