import cors from 'cors';
import express, { type Express } from 'express';
import helmet from 'helmet';
import swaggerUi from 'swagger-ui-express';
import type { Discovery } from '@onrush/chassis/discovery';
import { accessLog, inContext, sendErrors } from '@onrush/chassis/http-server';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { createApiDocument } from './api-document';
import { errors } from './errors';
import { createGate, type GateOptions } from './gate';
import { createProxy, type ProxyOptions } from './proxy';
import { routes, upstreams } from './routes';

export interface PublicAppOptions extends GateOptions, Omit<ProxyOptions, 'upstreams'> {
  discovery: Discovery;
  corsOrigins: string[];
  isReady: () => boolean;
  logger: Logger;
  metrics: Metrics;
}

/** All of the public API but the purchase itself: Express routes by the table, the gate checks, the proxy forwards. */
export function createPublicApp(options: PublicAppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(
    inContext,
    accessLog(options.logger, options.metrics),
    helmet(),
    cors({ origin: options.corsOrigins, credentials: false }),
  );
  addOwnPages(app, options);

  const gate = createGate(options);
  const proxy = createProxy({ ...options, upstreams });
  for (const [path, served] of Map.groupBy(routes, (route) => route.path)) {
    for (const route of served) {
      for (const method of route.methods) app[lower(method)](path, gate(route), proxy(route));
    }
    const allowed = served.flatMap((route) => route.methods).join(', ');
    app.all(path, (_request, response) => {
      response.set('Allow', allowed);
      throw errors.methodNotAllowed();
    });
  }
  app.use(() => {
    throw errors.notFound();
  });
  app.use(sendErrors(errors, options.logger));
  return app;
}

const lower = (method: string) => method.toLowerCase() as 'get' | 'post' | 'put' | 'delete';

function addOwnPages(app: Express, options: PublicAppOptions): void {
  const { discovery } = options;
  const apiDocument = createApiDocument({ ...options, routes, upstreams });
  app.get('/health', (_request, response) => {
    const instances = Object.fromEntries(
      upstreams.map((upstream) => [upstream, discovery.instances(upstream).length]),
    );
    const isWhole = Object.values(instances).every((count) => count > 0);
    response.json({ status: isWhole ? 'ok' : 'degraded', instances });
  });
  app.get('/livez', (_request, response) => void response.type('text/plain').send('ok'));
  app.get('/readyz', (_request, response) => {
    const isReady = options.isReady();
    response
      .status(isReady ? 200 : 503)
      .type('text/plain')
      .send(isReady ? 'ready' : 'not ready');
  });
  app.get('/openapi.json', async (_request, response) => void response.json(await apiDocument()));
  app.use('/docs', swaggerUi.serve, swaggerUi.setup(undefined, { swaggerOptions: { url: '/openapi.json' } }));
}
