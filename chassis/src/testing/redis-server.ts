import { spawn, type ChildProcess } from 'node:child_process';
import { Redis, type RedisOptions } from 'ioredis';
import { freePort } from './service';
import { eventually } from './wait';

export interface RedisServer {
  url: string;
  port: number;
  /** A connection that comes back by itself. */
  redis: Redis;
  /** It does not answer until it is let go on; nobody's connection breaks. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Again, after a kill: on its port, with what its folder has. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * A Redis of a test's own, since what is done to it must not be done to a server that others use. So `redis-server` has to be on the PATH, also where
 * REDIS_URL names a server for the rest. `settings` are command-line arguments, `connection` settings of the connection to it.
 */
export async function startRedisServer(
  settings: string[],
  connection: RedisOptions = {},
): Promise<RedisServer> {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => 50, ...connection });
  redis.on('error', () => undefined);
  let server: ChildProcess | undefined;

  async function start(): Promise<void> {
    const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', ...settings], {
      stdio: 'ignore',
    });
    server = child;
    const failed = new Promise<never>((_, reject) => child.once('error', reject));
    await Promise.race([eventually(async () => (await redis.ping()) === 'PONG'), failed]);
  }

  async function kill(): Promise<void> {
    const child = server;
    server = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  await start();
  return {
    url,
    port,
    redis,
    freeze: () => void server?.kill('SIGSTOP'),
    thaw: () => void server?.kill('SIGCONT'),
    kill,
    start,
    async stop() {
      redis.disconnect();
      await kill();
    },
  };
}
