/** The parts of kafkajs 2.2.4 that kafka-client.ts and kafka-records.ts mend; they are not in the package's own types. */
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
