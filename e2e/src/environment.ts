import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const devFile = z.object({
  gateway_url: z.url(),
  admin: z.object({ username: z.string(), password: z.string() }),
  mock_payment_secret: z.string(),
});
const envFile = z.object({
  MYSQL_ADMIN_URL: z.string(),
  MYSQL_SERVER_KIND: z.string(),
  REDIS_URL: z.string(),
  KAFKA_BROKERS: z.string(),
  CONSUL_HTTP_ADDR: z.string().optional(),
  DISCOVERY: z.string(),
});

export type Servers = z.output<typeof envFile>;

/** Where a fleet is, and who may run it. */
export interface FleetAddress {
  gatewayUrl: string;
  admin: { username: string; password: string };
  mockPaymentSecret: string;
}

/** Where the fleet is, and what stands behind it. */
export interface Environment extends FleetAddress {
  servers: Servers;
  /** Prefix of schemas, keys and topics; empty for the fleet of `npm start`. */
  namespace: string;
}

/** The files that `npm start` leaves in `.local`. */
export function readEnvironment(): Environment {
  return {
    ...readFleetAddress(),
    servers: readServers(),
    namespace: process.env['NAMESPACE'] ?? '',
  };
}

/** What the environment says (GATEWAY_URL, ADMIN_USERNAME, ADMIN_PASSWORD, MOCK_PAYMENT_SECRET, all of them), else the file of `npm start`. */
export function readFleetAddress(): FleetAddress {
  const { GATEWAY_URL, ADMIN_USERNAME, ADMIN_PASSWORD, MOCK_PAYMENT_SECRET } = process.env;
  const given = GATEWAY_URL && {
    gateway_url: GATEWAY_URL,
    admin: { username: ADMIN_USERNAME, password: ADMIN_PASSWORD },
    mock_payment_secret: MOCK_PAYMENT_SECRET,
  };
  const dev = devFile.parse(given || readLocal('dev.json'));
  return { gatewayUrl: dev.gateway_url, admin: dev.admin, mockPaymentSecret: dev.mock_payment_secret };
}

/** From the environment where all addresses are in it, else from the file. */
export function readServers(): Servers {
  const given = envFile.safeParse(process.env);
  return given.success ? given.data : envFile.parse(readLocal('env.json'));
}

function readLocal(name: string): unknown {
  for (let directory = process.cwd(); ; directory = path.dirname(directory)) {
    const file = path.join(directory, '.local', name);
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
    if (directory === path.dirname(directory))
      throw new Error(`.local/${name} is missing: "npm start" makes it`);
  }
}

export const schemaOf = (namespace: string, service: string): string => `${namespace || 'onrush'}_${service}`;
export const topicOf = (namespace: string, type: string): string =>
  namespace ? `${namespace}.${type}` : type;
