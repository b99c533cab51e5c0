import { httpOriginOf, type Discovery } from '@onrush/chassis/discovery';
import { internalTokenHeader, type InternalTokens } from '@onrush/chassis/internal-tokens';
import type { GatewayRoute } from '../routes';

interface OpenApi {
  paths?: Record<string, Record<string, unknown>>;
  components?: { schemas?: Record<string, unknown>; securitySchemes?: Record<string, unknown> };
}

const keptMs = 60_000;
const fetchTimeoutMs = 2_000;

/** The services' own OpenAPI documents as one; a service that does not answer is left out, and said to be. */
export function createApiDocument(options: {
  discovery: Discovery;
  tokens: InternalTokens;
  routes: () => GatewayRoute[];
  upstreams: string[];
}): () => Promise<unknown> {
  let document: Promise<unknown> | undefined;
  let madeAt = 0;

  async function fetchFrom(service: string): Promise<OpenApi | undefined> {
    const [instance] = options.discovery.instances(service);
    if (!instance) return undefined;
    try {
      const response = await fetch(`${httpOriginOf(instance)}/openapi.json`, {
        headers: { [internalTokenHeader]: await options.tokens.issue(service) },
        signal: AbortSignal.timeout(fetchTimeoutMs),
      });
      return response.ok ? ((await response.json()) as OpenApi) : undefined;
    } catch {
      return undefined;
    }
  }

  async function merge(): Promise<unknown> {
    const isPublished = publishedBy(options.routes());
    const paths: Record<string, Record<string, unknown>> = {};
    const schemas: Record<string, unknown> = {};
    const missing: string[] = [];
    for (const service of options.upstreams) {
      const own = await fetchFrom(service);
      if (!own) {
        missing.push(service);
        continue;
      }
      // Each service has its own `Failure`, with its own codes.
      const renamed = JSON.parse(
        JSON.stringify(own).replaceAll('#/components/schemas/', `#/components/schemas/${service}.`),
      ) as OpenApi;
      for (const [path, operations] of Object.entries(renamed.paths ?? {}))
        for (const [method, operation] of Object.entries(operations))
          if (isPublished(service, method, path)) (paths[path] ??= {})[method] = operation;
      for (const [name, schema] of Object.entries(renamed.components?.schemas ?? {}))
        schemas[`${service}.${name}`] = schema;
    }
    const description =
      missing.length > 0
        ? `Not answering now, so not shown: ${missing.join(', ')}.`
        : 'The public API of Onrush.';
    return {
      openapi: '3.1.0',
      info: { title: 'Onrush', version: '0.1.0', description },
      paths,
      components: {
        schemas,
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      },
    };
  }

  return () => {
    if (!document || Date.now() - madeAt > keptMs) {
      madeAt = Date.now();
      document = merge();
    }
    return document;
  };
}

/** Whether that method of a path, in the spelling of OpenAPI, leads to that service. */
function publishedBy(routes: GatewayRoute[]): (service: string, method: string, path: string) => boolean {
  const published = new Set(
    routes.flatMap(({ methods, path, upstream }) =>
      methods.map((method) => `${upstream} ${method.toLowerCase()} ${path.replace(/:(\w+)/g, '{$1}')}`),
    ),
  );
  return (service, method, path) => published.has(`${service} ${method} ${path}`);
}
