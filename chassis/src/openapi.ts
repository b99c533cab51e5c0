import { OpenApiGeneratorV31, OpenAPIRegistry, extendZodWithOpenApi } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import type { ErrorDefinition } from './errors';
import type { Access, Route } from './http-routes';

extendZodWithOpenApi(z);

/** The OpenAPI 3.1 document of one service, made from the same schemas that check its requests. */
export function openApiDocument(options: {
  title: string;
  version: string;
  routes: Route[];
  errors: ErrorDefinition[];
}) {
  const registry = new OpenAPIRegistry();
  const bearer = registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
  });
  const failure = registry.register('Failure', failureSchema(options.errors));
  for (const route of options.routes) {
    const { spec } = route;
    const permissions = permissionsOf(spec.access);
    registry.registerPath({
      method: route.method,
      path: route.path.replace(/:(\w+)/g, '{$1}'),
      summary: spec.summary,
      tags: [options.title],
      ...(permissions && { security: [{ [bearer.name]: permissions }] }),
      request: {
        ...(spec.params && { params: spec.params }),
        ...(spec.query && { query: spec.query }),
        ...(spec.body && { body: { content: { 'application/json': { schema: spec.body } } } }),
        ...(spec.idempotencyKey && { headers: idempotencyHeader(spec.idempotencyKey === 'required') }),
      },
      responses: {
        [spec.status ?? 200]: {
          description: 'success',
          content: contentOf(spec),
        },
        default: { description: 'failure', content: { 'application/json': { schema: failure } } },
      },
    });
  }
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: { title: options.title, version: options.version },
  });
}

function contentOf({ bare, reply }: Route['spec']) {
  if (bare === 'text') return { 'text/plain': { schema: reply } };
  if (bare === 'events') return { 'text/event-stream': { schema: reply } };
  return { 'application/json': { schema: bare === 'json' ? reply : envelope(reply) } };
}

/** What a token has to carry; OpenAPI 3.1 lets a scheme without scopes name it. Undefined where no token is needed. */
function permissionsOf(access: Access): string[] | undefined {
  if (access === 'user') return [];
  return typeof access === 'object' && 'permission' in access ? [access.permission] : undefined;
}

const envelope = (data: z.ZodType) =>
  z.object({ code: z.literal(0), message: z.literal('success'), data, trace_id: z.string() });

const idempotencyHeader = (required: boolean) => {
  const key = z.string().max(255).describe('the same key again gets the same answer');
  return z.object({ 'Idempotency-Key': required ? key : key.optional() });
};

const failureSchema = (errors: ErrorDefinition[]) =>
  z
    .object({
      code: z.int().describe(errors.map((error) => `${error.code} ${error.message}`).join('; ')),
      message: z.string(),
      data: z.null(),
      trace_id: z.string(),
      errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
    })
    .openapi('Failure');
