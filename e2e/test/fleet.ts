import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { Redis } from 'ioredis';
import { services, startFleet, type Fleet } from '../../deploy/local/fleet';
import { dropSchemas } from '../../deploy/local/schemas';
import { createApi, type Api } from '../src/api';
import { logIn } from '../src/buyers';
import { readServers, type Servers } from '../src/environment';

export interface TestFleet {
  fleet: Fleet;
  servers: Servers;
  api: Api;
  adminToken: string;
  stop(): Promise<void>;
}

/** The built services as processes of their own, in a namespace of the test file's own. */
export async function startTestFleet(label: string): Promise<TestFleet> {
  const servers = readServers();
  const namespace = `t_${label}_${randomBytes(3).toString('hex')}`;
  const fleet = await startFleet({ servers, namespace });
  const api = createApi(fleet.gatewayUrl, 128);
  const script = path.join(__dirname, '..', '..', 'user-service', 'dist', 'bootstrap-admin.js');
  const result = spawnSync(process.execPath, [script], {
    encoding: 'utf8',
    env: fleet.environments['user-service'],
  });
  const admin = JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '') as {
    username: string;
    password: string;
  };
  const adminToken = await logIn(api, admin.username, admin.password);
  return {
    fleet,
    servers,
    api,
    adminToken,
    async stop() {
      await api.close();
      await fleet.stop();
      await removeNamespace(servers, namespace);
    },
  };
}

async function removeNamespace(servers: Servers, namespace: string): Promise<void> {
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
