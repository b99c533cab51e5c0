/** The part of kafkajs 2.2.4 that kafka-client.ts mends; it is not in the package's own types. */
declare module 'kafkajs/src/network/requestQueue' {
  class RequestQueue {
    /** Requests that wait: too many are in flight, or the broker asked for patience. */
    pending: unknown[];
    throttleCheckTimeoutId: NodeJS.Timeout | null;
    scheduleCheckPendingRequests(): void;
  }
  export = RequestQueue;
}
