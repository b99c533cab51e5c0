/** The local fleet, for tests and benchmarks that are written in TypeScript; fleet.js says what each part does. */
export interface LocalServers {
  MYSQL_ADMIN_URL: string;
  MYSQL_SERVER_KIND: string;
  REDIS_URL: string;
  KAFKA_BROKERS: string;
  CONSUL_HTTP_ADDR?: string;
  DISCOVERY: string;
}

export interface FleetService {
  pid(): number | undefined;
  /** It ended without having been stopped. */
  hasDied(): boolean;
  kill(signal: NodeJS.Signals): Promise<boolean>;
  /** With other values of its environment for this once. */
  restart(changes?: Record<string, string>): Promise<void>;
}

export interface Fleet {
  namespace: string;
  logFolder: string;
  gatewayUrl: string;
  ports: Record<string, { http: number; grpc: number; management: number }>;
  environments: Record<string, Record<string, string>>;
  keys: { jwks: string; privateKeyOf(service: string): string };
  mockPaymentSecret: string;
  services: Record<string, FleetService>;
  stop(): Promise<void>;
}

export function startFleet(options: {
  servers: LocalServers;
  namespace?: string;
  gatewayPort?: number;
  observed?: { OTEL_EXPORTER_OTLP_ENDPOINT: string; TRACE_RATIO?: string };
  extra?: Record<string, Record<string, string>>;
  step?: <T>(name: string, work: () => Promise<T>) => Promise<T>;
}): Promise<Fleet>;
export function firstAdmin(fleet: Fleet): { username: string; password: string | null; created: boolean };
export function stopFleet(namespace?: string): Promise<void>;
export const services: string[];
/** A service may run as several processes. */
export const processNames: string[];
