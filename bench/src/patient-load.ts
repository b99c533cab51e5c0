import { openConnection, type Connection } from './connection';
import type { LoadRequest } from './http-wire';
import { count, emptyResult, record, type LoadOptions, type LoadResult } from './load';

/**
 * So many people at once, one a connection, who do as they are told: an answer is followed by the next person, and who is to come back later
 * (429 or 503 with Retry-After) does so, from half to one and a half times as late. After `seconds` no request is sent any more.
 */
export async function runPatientLoad(options: LoadOptions & { seconds: number }): Promise<LoadResult> {
  const { requests } = options;
  const result = emptyResult();
  const began = performance.now();
  const end = began + options.seconds * 1_000;
  let next = 0;

  const runConnection = () =>
    new Promise<void>((resolve) => {
      let current: LoadRequest | undefined;
      let waitMs = 0;
      let sentAt = 0;

      function send(connection: Connection): void {
        if (!current || performance.now() >= end) {
          connection.close();
          return resolve();
        }
        sentAt = performance.now();
        connection.send(current);
      }
      openConnection(options, {
        free(connection) {
          if (waitMs > 0) return void setTimeout(send, waitMs, connection);
          current = requests[next++];
          send(connection);
        },
        answered(status, retryAfterSeconds = 0) {
          record(result, status, performance.now() - sentAt);
          waitMs = retryAfterSeconds * 1_000 * (0.5 + Math.random());
        },
        broken() {
          count(result, 0);
          resolve();
        },
      });
    });

  await Promise.all(Array.from({ length: options.connections }, runConnection));
  result.seconds = (performance.now() - began) / 1_000;
  return result;
}
