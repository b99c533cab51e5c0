import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { httpRequest } from '../src/http-wire';

const servers: NetServer[] = [];

/** A server on a port of its own; it ends with the test. */
export async function listen<S extends NetServer>(
  server: S,
): Promise<{ host: string; port: number; server: S }> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, server };
}
export const serve = (listener: RequestListener) => listen(createServer(listener));

afterEach(() => {
  for (const server of servers.splice(0)) {
    (server as Partial<Server>).closeAllConnections?.();
    server.close();
  }
});

export const gets = (count: number) =>
  Array.from({ length: count }, (_, index) => httpRequest(`GET /${index}`, {}));
