/** The parts of kafkajs 2.2.4 that kafka-client.ts and kafka-encoder.ts mend; they are not in the package's own types. */
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
    static nextPowerOfTwo(value: number): number;
    static encodeZigZag(value: number): number;
    static sizeOfVarInt(value: number): number;
    static sizeOfVarLong(value: unknown): number;
    buf: Buffer;
    offset: number;
    readonly buffer: Buffer;
    ensureAvailable(length: number): void;
    writeVarInt(value: number): this;
    writeUVarInt(value: number): this;
    writeVarLong(value: unknown): this;
    writeVarIntBytes(value: Buffer | string | null): this;
  }
  export = Encoder;
}
