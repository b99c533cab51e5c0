import express, { type Express } from 'express';
import helmet from 'helmet';
import swaggerUi from 'swagger-ui-express';
import type { Discovery } from '@onrush/chassis/discovery';
import { inContext, sendErrors } from '@onrush/chassis/http-server';
import type { Logger } from '@onrush/chassis/logger';
import { errors } from '../errors';

export interface OwnPagesOptions {
  discovery: Discovery;
  upstreams: string[];
  apiDocument: () => Promise<unknown>;
  isReady: () => boolean;
  logger: Logger;
}

export const ownPaths = new Set(['/health', '/livez', '/readyz', '/openapi.json', '/docs']);

export const isOwnPage = (path: string): boolean => ownPaths.has(path) || path.startsWith('/docs/');
export const isProbe = (path: string): boolean => path === '/livez' || path === '/readyz';

/** What the gateway answers itself: probes, the state of the fleet, and the API document with its page. */
export function createOwnPages(options: OwnPagesOptions): Express {
  const { discovery, upstreams } = options;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(inContext, helmet());
  app.get('/health', (_request, response) => {
    // Which service is missing is told on the management port alone (`gateway_upstream_ejected`).
    const isWhole = upstreams.every((upstream) => discovery.instances(upstream).length > 0);
    response.json({ status: isWhole ? 'ok' : 'degraded' });
  });
  app.get('/livez', (_request, response) => void response.type('text/plain').send('ok'));
  app.get('/readyz', (_request, response) => {
    const isReady = options.isReady();
    response
      .status(isReady ? 200 : 503)
      .type('text/plain')
      .send(isReady ? 'ready' : 'not ready');
  });
  app.get('/openapi.json', async (_request, response) => void response.json(await options.apiDocument()));
  app.use('/docs', swaggerUi.serve, swaggerUi.setup(undefined, { swaggerOptions: { url: '/openapi.json' } }));
  app.use((_request, response) => {
    response.set('Allow', 'GET, HEAD');
    throw errors.methodNotAllowed();
  });
  app.use(sendErrors(errors, options.logger));
  return app;
}
