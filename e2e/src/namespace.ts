import { Kafka, logLevel } from '@onrush/chassis/kafka-client';
import { Redis } from 'ioredis';
import { services } from '../../deploy/local/fleet';
import { dropSchemas } from '../../deploy/local/schemas';
import type { Servers } from './environment';

/** Removes the schemas, keys and topics of a namespace that is over. */
export async function removeNamespace(servers: Servers, namespace: string): Promise<void> {
  await dropSchemas(
    servers.MYSQL_ADMIN_URL,
    namespace,
    services.filter((service) => service !== 'gateway'),
  );
  const redis = new Redis(servers.REDIS_URL);
  const pages = redis.scanStream({ match: `${namespace}:*`, count: 1_000 }) as AsyncIterable<string[]>;
  for await (const keys of pages) if (keys.length > 0) await redis.unlink(...keys);
  redis.disconnect();

  const admin = new Kafka({ brokers: servers.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${namespace}.`));
  if (topics.length > 0) await admin.deleteTopics({ topics });
  await admin.disconnect();
}
