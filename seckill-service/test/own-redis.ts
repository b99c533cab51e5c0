import { spawn } from 'node:child_process';
import { Redis } from 'ioredis';
import { freePort } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';

export interface OwnRedis {
  url: string;
  redis: Redis;
  stop(): Promise<void>;
}

/**
 * A Redis of the test file's own, which keeps nothing and cannot write to its disk: what is done to it must not be done to a server that others
 * use. So `redis-server` has to be on the PATH, also where REDIS_URL names a server for the rest.
 */
export async function startOwnRedis(): Promise<OwnRedis> {
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', '/proc', '--save', '3600 1'];
  const server = spawn('redis-server', settings, { stdio: 'ignore' });
  const failed = new Promise<never>((_, reject) => server.once('error', reject));
  const url = `redis://127.0.0.1:${port}`;
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => 50 });
  redis.on('error', () => undefined);
  await Promise.race([eventually(async () => (await redis.ping()) === 'PONG'), failed]);
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
