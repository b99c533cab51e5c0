import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Metrics } from '@onrush/chassis/metrics';
import type { Config } from '../config';
import { addressKey } from '../limits/address-key';

/** How many connections this process holds, and how many of them one address may have. */
export type ConnectionCaps = Pick<Config, 'maxConnections' | 'maxConnectionsPerAddress' | 'trustedHops'>;

/**
 * Ends connections beyond the caps as they come, before a byte of them is read. They get no answer: it would wait for somebody to read it, which is
 * what those who open connections to keep them do not do; a reset leaves nothing behind. Behind trusted proxies every connection is a proxy's, whoever
 * the client is, and addresses are not counted: what one client may open is theirs to say.
 */
export function capConnections(server: Server, caps: ConnectionCaps, metrics: Metrics): void {
  const refused = metrics.counter('gateway_connections_refused_total', 'Connections beyond a cap', ['cap']);
  let open = 0;
  metrics.gauge('gateway_connections', 'Connections of clients that are open', [], {
    collect: (gauge) => gauge.set(open),
  });
  const isCounted = caps.trustedHops === 0;
  /** By address, and only numbers: the tables that a Map outgrows keep what was in them (waiting-ring.ts). */
  const openOf = new Map<string, number>();

  // Not dropped here, the connections of a full worker go back to the primary, and round and round where all of them are full.
  Object.assign(server, { maxConnections: caps.maxConnections, dropMaxConnection: true });
  server.on('drop', () => refused.inc({ cap: 'process' }));

  server.on('connection', (socket: Socket) => {
    const address = isCounted ? addressKey(socket.remoteAddress ?? 'unknown') : undefined;
    if (address !== undefined && !take(address)) {
      refused.inc({ cap: 'address' });
      socket.resetAndDestroy();
      return;
    }
    open += 1;
    // However it ends, and whoever took it over meanwhile: a WebSocket, a tunnel.
    socket.once('close', () => {
      open -= 1;
      if (address !== undefined) giveBack(address);
    });
  });

  function take(address: string): boolean {
    const count = openOf.get(address) ?? 0;
    if (count >= caps.maxConnectionsPerAddress) return false;
    openOf.set(address, count + 1);
    return true;
  }

  function giveBack(address: string): void {
    const left = (openOf.get(address) ?? 0) - 1;
    if (left > 0) openOf.set(address, left);
    else openOf.delete(address);
  }
}
