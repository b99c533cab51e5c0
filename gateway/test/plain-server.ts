import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { servePlainRequests } from '../src/connection/plain-connections';
import { PlainMessage } from '../src/connection/plain-message';
import { endWith } from '../src/exchange';
import { connectRaw, head, type RawAnswer, type RawConnection } from './raw-socket';

export interface Served {
  request: IncomingMessage;
  response: ServerResponse;
}

const servers: Server[] = [];
export function endServers(): void {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
}

/** A server that reads plain requests itself; what it does with them the test says. */
export async function start(
  serve: (served: Served) => void = answer,
): Promise<{ server: Server; port: number; served: Served[] }> {
  const served: Served[] = [];
  const server = createServer((request, response) => {
    served.push({ request, response });
    serve({ request, response });
  });
  servers.push(server);
  servePlainRequests(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port, served };
}

export function answer({ request, response }: Served, headers: string[] = []): void {
  const body = `{"at":"${request.url}"}`;
  endWith(response, 200, [...headers, 'X-A', 'b', 'Content-Length', String(body.length)], body);
}

const isPlain = ({ request }: Served): boolean => request instanceof PlainMessage;
export const readers = (served: Served[]): string =>
  served.map((one) => (isPlain(one) ? 'plain' : 'node')).join();
export const get = (path: string, ...headers: string[]) => head(`GET ${path}`, ...headers);

export async function ask(connection: RawConnection, bytes: string): Promise<RawAnswer> {
  connection.send(bytes);
  return connection.next();
}

/** A connection whose next plain request is not Node's. */
export async function connectWarm(port: number): Promise<RawConnection> {
  const connection = await connectRaw(port);
  await ask(connection, get('/first'));
  return connection;
}
