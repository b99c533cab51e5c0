import { createServer } from 'node:http';
import { listening, serverLimits, type HttpServer } from './http-server';

/** The internal port: `/livez` (the loop turns), `/readyz` (warm-up and drain flag), `/metrics`, `/openapi.json`. */
export function createManagementServer(options: {
  host: string;
  port: number;
  metrics: { registry: { contentType: string; metrics(): Promise<string> } };
  isReady: () => boolean;
  openApi?: () => unknown;
}): HttpServer {
  const pages: Record<string, () => Promise<{ status: number; type: string; body: string }>> = {
    '/livez': () => text(200, 'ok'),
    '/readyz': () => (options.isReady() ? text(200, 'ready') : text(503, 'not ready')),
    '/metrics': async () => ({
      status: 200,
      type: options.metrics.registry.contentType,
      body: await options.metrics.registry.metrics(),
    }),
  };
  const { openApi } = options;
  if (openApi)
    pages['/openapi.json'] = () =>
      Promise.resolve({ status: 200, type: 'application/json', body: JSON.stringify(openApi()) });

  const server = createServer(serverLimits, (request, response) => {
    const page = pages[request.url?.split('?')[0] ?? ''] ?? (() => text(404, 'not found'));
    page().then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      () => response.writeHead(500).end(),
    );
  });
  return listening('management server', server, options);
}

const text = (status: number, body: string) => Promise.resolve({ status, type: 'text/plain', body });
