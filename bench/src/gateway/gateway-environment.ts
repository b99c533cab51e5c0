/** The routes of the gateway that are asked, as its table has them; both lead to the upstream of the benchmark. */
export const askedRoutes = {
  /** Of `notify-service`, for users. */
  proxied: 'GET /api/v1/notifications',
  /** Of `product-service`, for everybody. */
  cached: 'GET /api/v1/products',
};
const playedServices = ['notify-service', 'product-service'];

/** Limits of every class, so high that none refuses: the load generator has one address, and its readers are few. */
const limit = { rate: 100_000, burst: 200_000 };
const limits = { address: limit, user: limit, global: limit };
const limitClasses = ['login', 'register', 'session', 'read', 'write', 'buy', 'callback'];

/** The rules of a release: by the user's id, and by the address of those without one. */
const rules = { percent: 10, weight: 10 };

interface Instance {
  address: string;
  http_port: number;
  grpc_port: number;
  version?: string;
  canary?: boolean;
}

/**
 * A gateway like the fleet's own, with the same servers, keys and services behind it, but two of the services are the upstream of the benchmark: a
 * stable and a canary instance of each, so that every request passes the choice between them.
 */
export function gatewayEnvironment(
  ofFleet: Record<string, string>,
  ports: { http: number; grpc: number; management: number; upstream: number },
): Record<string, string> {
  const instances: Instance[] = [
    { address: '127.0.0.1', http_port: ports.upstream, grpc_port: 1, version: '0.1.0' },
    { address: '127.0.0.1', http_port: ports.upstream, grpc_port: 2, version: '0.2.0', canary: true },
  ];
  const services = JSON.parse(ofFleet['STATIC_SERVICES'] ?? '{}') as Record<string, Instance[]>;
  return {
    ...ofFleet,
    HTTP_PORT: String(ports.http),
    GRPC_PORT: String(ports.grpc),
    MANAGEMENT_PORT: String(ports.management),
    DISCOVERY: 'static',
    STATIC_SERVICES: JSON.stringify({
      ...services,
      ...Object.fromEntries(playedServices.map((service) => [service, instances])),
    }),
    RATE_LIMITS: JSON.stringify(Object.fromEntries(limitClasses.map((name) => [name, limits]))),
    CANARIES: JSON.stringify(Object.fromEntries(playedServices.map((service) => [service, rules]))),
  };
}
