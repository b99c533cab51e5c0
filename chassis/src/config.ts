import { Resolver } from 'node:dns';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { isClusterUrl } from './redis-cluster';

/** Every problem of a configuration, found at once. */
export class ConfigError extends Error {
  constructor(
    service: string,
    readonly problems: string[],
  ) {
    super(
      `${service} cannot start, its configuration has ${problems.length} problem(s):\n  ${problems.join('\n  ')}`,
    );
    this.name = 'ConfigError';
  }
}

export const text = z.string().min(1);
export const integer = (from: number, to: number) => z.coerce.number().int().min(from).max(to);
export const port = integer(0, 65_535);
export const flag = z.union([z.boolean(), z.stringbool()]);
export const commaList = z
  .union([z.array(text), text.transform((value) => value.split(',').map((part) => part.trim()))])
  .refine(
    (parts) => parts.length > 0 && parts.every((part) => part !== ''),
    'expected a comma-separated list',
  );

const isNameServer = (value: string): boolean => {
  try {
    new Resolver().setServers([value]);
    return true;
  } catch {
    return false;
  }
};

/** A document as such, or as JSON: what is wrong is said of its parts. */
export const jsonOr = <S extends z.ZodType>(document: S) =>
  z.preprocess((value, context) => {
    if (typeof value !== 'string') return value;
    try {
      return JSON.parse(value) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'expected JSON' });
      return z.NEVER;
    }
  }, document);

const staticInstance = z.strictObject({
  address: text,
  http_port: z.int(),
  grpc_port: z.int(),
  version: text.optional(),
  canary: z.boolean().optional(),
});
const staticServices = z.record(text, z.array(staticInstance));

export const logLevel = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']);

/** What every process of the fleet reads. */
export const processConfig = {
  /** Prefix of schemas, Redis keys, topics and Consul names, so that several fleets share the servers. */
  namespace: z
    .string()
    .regex(/^[a-z0-9_]{0,24}$/)
    .default(''),
  host: text.default('127.0.0.1'),
  httpPort: port.default(0),
  grpcPort: port.default(0),
  managementPort: port.default(0),
  /** The address other services reach this one at. */
  advertiseAddress: text.default('127.0.0.1'),
  serviceVersion: text.default('0.1.0'),
  canary: flag.default(false),
  logLevel: logLevel.default('info'),
  drainDelayMs: integer(0, 20_000).default(0),
  discovery: z.enum(['consul', 'static', 'dns']).default('consul'),
  consulHttpAddr: text.default('127.0.0.1:8500'),
  staticServices: jsonOr(staticServices).default({}),
  /** What goes behind the name of a service in DNS: of a namespace of Kubernetes, `.onrush.svc.cluster.local`. */
  dnsSuffix: z
    .string()
    .regex(/^(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?$/, 'expected a domain that begins with a dot')
    .default(''),
  dnsHttpPort: integer(1, 65_535).default(8_080),
  dnsGrpcPort: integer(1, 65_535).default(9_090),
  dnsRefreshMs: integer(250, 60_000).default(2_000),
  dnsServers: commaList
    .refine(
      (servers) => servers.every(isNameServer),
      'expected IP addresses, each with a port where it is not 53',
    )
    .default([]),
  /** Files with the public keys of all services (JWKS) and with this service's own private key (JWK). */
  internalJwks: text,
  internalPrivateKey: text,
};

/** Of a service that can serve its port with several processes (workers.ts). */
export const workersConfig = { workers: integer(1, 64).default(1) };
export const mysqlConfig = {
  mysqlUrl: z.url({ protocol: /^mysql$/ }),
  mysqlType: z.enum(['mysql', 'mariadb']).default('mysql'),
  mysqlPoolSize: integer(1, 100).default(8),
};
/** One server, or some nodes of a Redis Cluster. */
const redisUrl = z
  .string()
  .refine(
    (url) => isClusterUrl(url) || z.url({ protocol: /^rediss?$/ }).safeParse(url).success,
    'expected redis://host:port, or redis+cluster://host:port,host:port',
  );
export const redisConfig = { redisUrl };
export const kafkaConfig = { kafkaBrokers: commaList };

/** What a service with a schema and events reads. */
export const serviceConfig = { ...processConfig, ...mysqlConfig, ...redisConfig, ...kafkaConfig };

export const environmentName = (key: string): string =>
  key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
const yamlName = (key: string): string => environmentName(key).toLowerCase();

/** Defaults < `config/<service>.yaml` (snake_case keys) < environment (UPPER_SNAKE). Throws ConfigError with every problem. */
export function loadConfig<Shape extends z.ZodRawShape>(options: {
  service: string;
  schema: z.ZodObject<Shape>;
  environment?: NodeJS.ProcessEnv;
  directory?: string;
}): z.output<z.ZodObject<Shape>> {
  const { service, schema, environment = process.env } = options;
  const file = path.join(options.directory ?? 'config', `${service}.yaml`);
  return check(service, schema, readYaml(file, Object.keys(schema.shape)), environment);
}

/** For what has to be known before anything else is loaded: the environment alone. */
export const readEnvironment = <Shape extends z.ZodRawShape>(
  service: string,
  schema: z.ZodObject<Shape>,
): z.output<z.ZodObject<Shape>> => check(service, schema, { values: {}, problems: [] }, process.env);

function check<Shape extends z.ZodRawShape>(
  service: string,
  schema: z.ZodObject<Shape>,
  { values, problems }: { values: Record<string, unknown>; problems: string[] },
  environment: NodeJS.ProcessEnv,
): z.output<z.ZodObject<Shape>> {
  for (const key of Object.keys(schema.shape)) {
    const value = environment[environmentName(key)];
    if (value !== undefined && value !== '') values[key] = value;
  }
  const parsed = schema.safeParse(values);
  for (const issue of parsed.error?.issues ?? []) {
    const [key = '', ...rest] = issue.path.map(String);
    problems.push(`${[environmentName(key), ...rest].join('.')}: ${issue.message}`);
  }
  if (!parsed.success || problems.length > 0) throw new ConfigError(service, problems);
  return parsed.data;
}

/** Where the configuration has problems, the process says all of them and ends with 1. */
export function configOrExit<C>(read: () => C): C {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

function readYaml(file: string, keys: string[]): { values: Record<string, unknown>; problems: string[] } {
  if (!existsSync(file)) return { values: {}, problems: [] };
  let content: unknown;
  try {
    content = parse(readFileSync(file, 'utf8')) ?? {};
  } catch (error) {
    return { values: {}, problems: [`${file}: ${(error as Error).message}`] };
  }
  if (typeof content !== 'object' || Array.isArray(content)) {
    return { values: {}, problems: [`${file}: expected a mapping of keys to values`] };
  }
  const byYamlName = new Map(keys.map((key) => [yamlName(key), key]));
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, value] of Object.entries(content as object)) {
    const key = byYamlName.get(name);
    if (key === undefined) problems.push(`${file}: unknown key "${name}"`);
    else values[key] = value;
  }
  return { values, problems };
}
