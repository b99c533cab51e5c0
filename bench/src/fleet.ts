import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { Redis } from 'ioredis';
import type { Servers } from '@onrush/e2e/environment';
import { services, type Fleet } from '../../deploy/local/fleet';
import { dropSchemas } from '../../deploy/local/schemas';

/** Creates the first admin of a fleet, as `npm start` does. */
export function firstAdmin(fleet: Fleet): { username: string; password: string } {
  const script = path.join(__dirname, '..', '..', 'user-service', 'dist', 'bootstrap-admin.js');
  const result = spawnSync(process.execPath, [script], {
    encoding: 'utf8',
    env: fleet.environments['user-service'],
  });
  if (result.status !== 0) throw new Error(`the first admin could not be created: ${result.stderr}`);
  return JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '') as { username: string; password: string };
}

/** Schemas, keys and topics of a namespace that is over. */
export async function removeNamespace(servers: Servers, namespace: string): Promise<void> {
  await dropSchemas(
    servers.MYSQL_ADMIN_URL,
    namespace,
    services.filter((service) => service !== 'gateway'),
  );
  const redis = new Redis(servers.REDIS_URL);
  for await (const keys of redis.scanStream({ match: `${namespace}:*`, count: 1_000 }) as AsyncIterable<
    string[]
  >) {
    if (keys.length > 0) await redis.unlink(...keys);
  }
  redis.disconnect();
  const admin = new Kafka({ brokers: servers.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${namespace}.`));
  if (topics.length > 0) await admin.deleteTopics({ topics });
  await admin.disconnect();
}
