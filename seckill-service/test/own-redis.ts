import { spawn, spawnSync } from 'node:child_process';
import { Redis } from 'ioredis';
import { freePort } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';

export interface OwnRedis {
  url: string;
  redis: Redis;
  stop(): Promise<void>;
}

/** False where Redis comes from elsewhere: what is done to this one must not be done to a server that others use. */
export const canStartRedis = spawnSync('redis-server', ['--version']).status === 0;

/** A Redis of the test file's own, which keeps nothing and cannot write to its disk. */
export async function startOwnRedis(): Promise<OwnRedis> {
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', '/proc', '--save', '3600 1'];
  const server = spawn('redis-server', settings, { stdio: 'ignore' });
  const url = `redis://127.0.0.1:${port}`;
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => 50 });
  redis.on('error', () => undefined);
  await eventually(async () => (await redis.ping()) === 'PONG');
  return {
    url,
    redis,
    async stop() {
      redis.disconnect();
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGKILL');
      await ended;
    },
  };
}
