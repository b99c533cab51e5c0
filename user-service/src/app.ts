import { createEdge } from '@onrush/chassis/edge';
import { createFoundation } from '@onrush/chassis/foundation';
import type { App, Runtime } from '@onrush/chassis/service';
import type { Config } from './config';
import { createPasswords } from './data/passwords';
import { createUserRepository } from './data/user-repository';
import { UserTable } from './data/user-table';
import { errors } from './errors';
import { grpcHandlers } from './handlers/grpc';
import { httpRoutes } from './handlers/http';
import type { Register } from './use-cases/register';

const service = 'user-service';

/** `deps` is what bootstrap-admin.ts needs besides the running service. */
export function createApp(config: Config, runtime: Runtime): App & { deps: Register } {
  const foundation = createFoundation(service, config, runtime, { errors, entities: [UserTable] });
  const users = createUserRepository(foundation.db);
  const passwords = createPasswords({
    cost: config.bcryptCost,
    concurrency: config.hashConcurrency,
    queueLimit: config.hashQueueLimit,
  });
  const deps = { ...foundation, users, passwords };

  const edge = createEdge({
    ...foundation,
    ...runtime,
    service,
    config,
    errors,
    routes: httpRoutes(deps),
    grpc: [grpcHandlers(deps)],
  });
  return { components: [...foundation.components, ...edge.components], openApi: edge.openApi, deps };
}
