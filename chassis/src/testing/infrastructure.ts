import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface Infrastructure {
  mysqlAdminUrl: string;
  mysqlType: 'mariadb' | 'mysql';
  redisUrl: string;
  kafkaBrokers: string[];
  consulAddress: string;
}

/** The running servers: from the environment, else from the `.local/env.json` of this checkout. */
export function infrastructure(): Infrastructure {
  const local = readLocal();
  const read = (name: string): string => {
    const value = process.env[name] ?? local[name];
    if (!value)
      throw new Error(
        `${name} is not known: run the tests with "npm test", or bring the servers up with "npm start -- --no-demo"`,
      );
    return value;
  };
  return {
    mysqlAdminUrl: read('MYSQL_ADMIN_URL'),
    mysqlType: read('MYSQL_SERVER_KIND') === 'mysql' ? 'mysql' : 'mariadb',
    redisUrl: read('REDIS_URL'),
    kafkaBrokers: read('KAFKA_BROKERS').split(','),
    consulAddress: read('CONSUL_HTTP_ADDR'),
  };
}

function readLocal(): Record<string, string | undefined> {
  for (let directory = process.cwd(); ; directory = path.dirname(directory)) {
    const file = path.join(directory, '.local', 'env.json');
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
    if (directory === path.dirname(directory)) return {};
  }
}

/** A name of this test file's own: for schemas, Redis keys, topics and Consul. */
export const testNamespace = (label: string): string =>
  `t_${label
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .slice(0, 12)}_${randomBytes(4).toString('hex')}`;
