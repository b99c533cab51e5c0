import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { connect } from 'node:net';
import path from 'node:path';
import type { Fleet } from '../../deploy/local/fleet';

interface LogLine {
  pid: number;
  msg: string;
  path?: string;
  status?: number;
  request_id?: string;
}

/** What a gateway of several processes shows of itself: its log, where each line names its process, and its management port. */
export function gatewayOf({ logFolder, ports, services }: Fleet) {
  const management = `http://127.0.0.1:${ports['gateway']?.management}`;
  const read = (page: string) => fetch(`${management}${page}`);
  const lines = (): LogLine[] =>
    readFileSync(path.join(logFolder, 'gateway.log'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogLine);
  const metrics = async () => (await read('/metrics')).text();
  return {
    primary: () => services['gateway']?.pid() ?? 0,
    /** Every worker that ever came up, in order. */
    workers: () => lines().flatMap(({ pid, msg }) => (msg === 'ready' ? [pid] : [])),
    /** The workers that answered these requests. */
    whoServed: (isMeant: (line: LogLine) => boolean) =>
      new Set(lines().flatMap((line) => (line.msg === 'request served' && isMeant(line) ? [line.pid] : []))),
    hasLogged: (message: string) => lines().some(({ msg }) => msg === message),
    readiness: async () => (await read('/readyz')).status,
    metrics,
    /** The sum of the series of a metric that have all of these labels. */
    async metric(name: string, ...labels: string[]) {
      const series = (await metrics())
        .split('\n')
        .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)));
      return series.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    },
  };
}

/** What stands more than once in a page of metrics, and must not: the type of a metric, or a series. */
export function doubledIn(page: string): string[] {
  const names = page
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('# HELP'))
    .map((line) => (line.startsWith('#') ? line : line.slice(0, line.lastIndexOf(' '))));
  return names.filter((name, index) => names.indexOf(name) !== index);
}

/** A purchase on a connection of its own: its head is with the gateway, which has asked for the body. */
export async function beginPurchase(gatewayUrl: string, activityId: string, token: string) {
  const body = JSON.stringify({ quantity: 1 });
  const request = http.request(`${gatewayUrl}/api/v1/seckill/activities/${activityId}/buy`, {
    method: 'POST',
    agent: new http.Agent({ keepAlive: true }),
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      expect: '100-continue',
      'idempotency-key': `half-${token.slice(-24)}`,
    },
  });
  request.flushHeaders();
  const answered = new Promise<http.IncomingMessage>((resolve, reject) =>
    request.once('response', resolve).once('error', reject),
  );
  answered.catch(() => undefined);
  await once(request, 'continue');
  return {
    async end() {
      request.end(body);
      const answer = await answered;
      const { data } = JSON.parse(Buffer.concat(await answer.toArray()).toString()) as {
        data: { order_no: string; reservation_id: string };
      };
      return { status: answer.statusCode, connection: answer.headers.connection, data };
    },
  };
}

/** Whether nobody listens at a port any more. */
export const isRefused = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const tell = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', tell(false)).once('error', tell(true));
  });
