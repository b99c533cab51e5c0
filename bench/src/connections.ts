import { inParallel } from '@onrush/e2e/parallel';
import { createConnection, type Address, type Connection } from './connection';
import type { LoadRequest } from './http-wire';

/** Buyers connect while they wait for the sale. Of those who connect at once, a gateway of several workers may give one worker twice as many. */
const openedAtOnce = 2;
const receivedBytes = 65_536;
const usualAnswerLimitMs = 30_000;

/**
 * So many connections for the length of the work, in which people keep theirs from one load to the next. They break where an answer takes longer than
 * the limit, before it has taken twice as long: one timer looks after all of them, since one of its own would be wound up with every request.
 */
export async function withConnections<T>(
  at: Address,
  count: number,
  work: (connections: Connection[]) => Promise<T>,
): Promise<T> {
  const received = Buffer.allocUnsafeSlow(receivedBytes);
  const connections = Array.from({ length: count }, () => createConnection(at, received));
  const watch = setInterval(() => {
    for (const connection of connections) connection.breakIfLate();
  }, at.answerLimitMs ?? usualAnswerLimitMs);
  try {
    return await work(connections);
  } finally {
    clearInterval(watch);
    for (const connection of connections) connection.close();
  }
}

/** Opens those that are not open, so that none of a load's requests waits for it. */
export const openAll = (connections: Connection[]): Promise<unknown> =>
  inParallel(connections, openedAtOnce, (connection) => connection.open());

/**
 * Request i over connection i % n, so many at a time; the connections take turns, and each has its answer before its next turn. Returns the
 * statuses.
 */
export async function sendInTurns(
  { connections, requests }: { connections: Connection[]; requests: LoadRequest[] },
  atOnce: number,
): Promise<number[]> {
  const statuses: number[] = [];
  for (let first = 0; first < requests.length; first += connections.length) {
    const turn = requests.slice(first, first + connections.length);
    const ask = (request: LoadRequest, place: number) =>
      new Promise<number>((resolve) => connections[place]?.send(request, resolve));
    statuses.push(...(await inParallel(turn, atOnce, ask)));
  }
  return statuses;
}
