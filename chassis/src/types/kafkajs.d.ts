/** The parts of kafkajs 2.2.4 that kafka-client.ts, kafka-records.ts and kafka-fetched.ts mend; they are not in the package's own types. */
declare module 'kafkajs/src/network/requestQueue' {
  class RequestQueue {
    /** Requests that wait: too many are in flight, or the broker asked for patience. */
    pending: unknown[];
    throttleCheckTimeoutId: NodeJS.Timeout | null;
    scheduleCheckPendingRequests(): void;
  }
  export = RequestQueue;
}

declare module 'kafkajs/src/protocol/encoder' {
  class Encoder {
    readonly buf: Buffer;
    readonly buffer: Buffer;
    size(): number;
    writeInt8(value: number): this;
    writeInt16(value: number): this;
    writeInt32(value: number): this;
    writeUInt32(value: number): this;
    /** A number, or a Long of the package's own. */
    writeInt64(value: unknown): this;
    writeString(value: string | null): this;
    writeBuffer(value: Buffer): this;
    writeEncoder(value: Encoder): this;
  }
  export = Encoder;
}

declare module 'kafkajs/src/protocol/decoder' {
  class Decoder {
    constructor(buffer: Buffer);
    readInt16(): number;
    readInt32(): number;
    readInt64(): bigint;
    readString(): string;
    readBytes(length: number): Buffer;
    canReadBytes(length: number): boolean;
    readArray<T>(reader: () => T): T[];
  }
  export = Decoder;
}

declare module 'kafkajs/src/protocol/recordBatch/crc32C' {
  function crc32C(buffer: Buffer): number;
  export = crc32C;
}

declare module 'kafkajs/src/protocol/requests/produce' {
  import type { IHeaders } from 'kafkajs';
  import type Encoder from 'kafkajs/src/protocol/encoder';

  namespace produce {
    /** What is to be written: messages by topic and partition. */
    interface ProduceArguments {
      acks: number;
      timeout: number;
      transactionalId?: string | null;
      producerId: unknown;
      producerEpoch: number;
      compression?: number;
      topicData: { topic: string; partitions: PartitionData[] }[];
    }
    interface PartitionData {
      partition: number;
      firstSequence: number;
      messages: ProducedMessage[];
    }
    interface ProducedMessage {
      key?: Content;
      value: Content;
      headers?: IHeaders;
      timestamp?: string;
    }
    type Content = Buffer | string | null | undefined;
    interface Produce {
      request: { encode(): Promise<Encoder> };
      response: unknown;
    }
    let protocol: (choice: { version: number }) => (args: ProduceArguments) => Produce;
  }
  export = produce;
}

declare module 'kafkajs/src/protocol/requests/fetch/v11/response' {
  namespace response {
    interface Fetched {
      throttleTime: number;
      clientSideThrottleTime: number;
      errorCode: number;
      sessionId: number;
      responses: { topicName: string; partitions: Partition[] }[];
    }
    interface Partition {
      partition: number;
      errorCode: number;
      highWatermark: string;
      lastStableOffset: string;
      lastStartOffset: string;
      abortedTransactions: { producerId: string; firstOffset: string }[];
      preferredReadReplica: number;
      messages: FetchedRecord[];
    }
    interface FetchedRecord {
      magicByte: number;
      attributes: number;
      timestamp: string;
      offset: string;
      key: Buffer | null;
      value: Buffer | null;
      headers: Record<string, Buffer | null | (Buffer | null)[]>;
      isControlRecord: boolean;
      batchContext: BatchContext;
    }
    interface BatchContext {
      firstOffset: string;
      firstTimestamp: string;
      partitionLeaderEpoch: number;
      inTransaction: boolean;
      isControlBatch: boolean;
      lastOffsetDelta: number;
      producerId: string;
      producerEpoch: number;
      firstSequence: number;
      maxTimestamp: string;
      /** 0: when the record was made; 1: when the broker wrote it. */
      timestampType: number;
      magicByte: number;
    }
    let decode: (raw: Buffer) => Promise<Fetched>;
  }
  export = response;
}

declare module 'kafkajs/src/protocol/recordBatch/v0' {
  import type Encoder from 'kafkajs/src/protocol/encoder';

  export interface BatchArguments {
    compression?: number;
    transactional?: boolean;
    firstOffset?: number | bigint;
    firstTimestamp?: number;
    maxTimestamp?: number;
    partitionLeaderEpoch?: number;
    producerId?: number;
    producerEpoch?: number;
    firstSequence?: number;
    records?: Encoder[];
  }
  export function RecordBatch(batch: BatchArguments): Promise<Encoder>;
}

declare module 'kafkajs/src/protocol/recordBatch/record/v0' {
  import type { IHeaders } from 'kafkajs';
  import type Encoder from 'kafkajs/src/protocol/encoder';

  function createRecord(record: {
    offsetDelta?: number;
    timestampDelta?: number;
    key?: Buffer | null;
    value: Buffer | null;
    headers?: IHeaders;
  }): Encoder;
  export = createRecord;
}
