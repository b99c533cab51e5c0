import { trace } from '@opentelemetry/api';
import express, {
  type ErrorRequestHandler,
  type Express,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { z } from 'zod';
import { isAppError, type AppError, type CommonErrors, type FieldProblem } from './errors';
import { Reply, StreamAnswer, type Access, type Route, type RouteInput } from './http-routes';
import { internalTokenHeader, type InternalTokens } from './internal-tokens';
import type { Component } from './lifecycle';
import type { Logger } from './logger';
import type { Metrics } from './metrics';
import { isForProgram, verifyProgram } from './program-caller';
import { currentContext, requestIdOf, runInContext, traceIdOf, type User } from './request-context';
import { longLived } from './spans';
import { asAppError } from './transient';

export interface HttpServerOptions {
  host: string;
  port: number;
  routes: Route[];
  tokens: InternalTokens;
  errors: CommonErrors;
  logger: Logger;
  metrics: Metrics;
  /** The services that may call; the gateway is the only one that does. */
  allow?: string[];
  /** The bearer tokens of programs that some routes are for; without one, those routes are for nobody. */
  programs?: Record<string, string>;
  bodyLimitBytes?: number;
  /** Served as `/openapi.json` to the callers that may call. */
  openApi?: () => unknown;
}

export interface HttpServer extends Component {
  port(): number;
}

const defaultBodyLimit = 64 * 1024;

/** Serves a service's routes: verified caller, request context, access log, validation, envelope, one error handler. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const server = createServer(serverLimits, createHttpApp(options));
  return listening('http server', server, options);
}

/** Slow and oversized clients are cut off; keep-alive outlives the usual 60 s of a load balancer. */
export const serverLimits = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 2_000,
  keepAliveTimeout: 65_000,
};

/** Any Node HTTP server as a component. */
export function listening(name: string, server: Server, options: { host: string; port: number }): HttpServer {
  return {
    name,
    port: () => (server.address() as AddressInfo).port,
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.port, options.host, () => resolve());
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), 5_000).unref();
      }),
  };
}

export function createHttpApp(options: HttpServerOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(inContext, accessLog(options.logger, options.metrics));
  for (const { path, spec } of options.routes)
    if (isForProgram(spec.access)) app.all(path, verifyProgram(spec.access.program, options));
  app.use(verifyCaller(options));
  const byPath = Map.groupBy(options.routes, (route) => route.path);
  for (const [path, routes] of byPath) {
    for (const route of routes)
      app[route.method](path, bodyOf(route, options), answer(route, options.errors));
    app.all(path, (_request, response, next) => {
      response.set('Allow', routes.map((route) => route.method.toUpperCase()).join(', '));
      next(options.errors.methodNotAllowed());
    });
  }
  app.get('/openapi.json', (_request, response) => void response.json(options.openApi?.() ?? {}));
  app.use((_request, _response, next) => next(options.errors.notFound()));
  app.use(sendErrors(options.errors, options.logger));
  return app;
}

/** Request id and trace id: the gateway's, or new ones; echoed as `X-Request-Id`. */
export const inContext: RequestHandler = (request, response, next) => {
  const requestId = requestIdOf(request.headers['x-request-id']);
  const budget = Number(request.get('x-deadline-ms'));
  response.set('X-Request-Id', requestId);
  runInContext(
    {
      requestId,
      traceId: traceIdOf(request.get('traceparent')),
      ...(budget > 0 && { deadline: Date.now() + Math.min(budget, 60_000) }),
    },
    next,
  );
};

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE']);

export function accessLog(logger: Logger, metrics: Metrics): RequestHandler {
  const duration = metrics.histogram('http_server_duration_seconds', 'HTTP requests served', [
    'method',
    'route',
    'code',
  ]);
  return (request, response, next) => {
    const started = process.hrtime.bigint();
    const span = trace.getActiveSpan();
    response.once('finish', () => {
      const seconds = Number(process.hrtime.bigint() - started) / 1e9;
      const route = (request.route as { path?: string } | undefined)?.path ?? 'unmatched';
      // A method that no route has is whatever a caller makes up: it must not become a series each.
      const method = methods.has(request.method) ? request.method : 'OTHER';
      duration.observe({ method, route, code: String(response.statusCode) }, seconds);
      span?.updateName(`${request.method} ${route}`).setAttribute('http.route', route);
      const context = currentContext();
      logger.served({
        method: request.method,
        path: request.path,
        status: response.statusCode,
        ms: seconds * 1_000,
        userId: context?.user?.id,
        requestId: context?.requestId ?? '',
        traceId: context?.traceId ?? '',
      });
    });
    next();
  };
}

function verifyCaller({ tokens, errors, allow = ['gateway'] }: HttpServerOptions): RequestHandler {
  return async (request, _response, next) => {
    if (currentContext()?.caller) return next();
    const token = request.get(internalTokenHeader);
    if (!token) throw errors.unauthenticated();
    const caller = await tokens.verify(token).catch((cause: unknown) => {
      throw errors.unauthenticated({ cause });
    });
    if (!allow.includes(caller.service)) throw errors.permissionDenied({ meta: { caller: caller.service } });
    const context = currentContext();
    if (context) Object.assign(context, { caller: caller.service, user: caller.user });
    next();
  };
}

/** Reads the body of a route that has one, as bytes or as JSON. */
function bodyOf({ spec }: Route, options: HttpServerOptions): RequestHandler[] {
  const limit = options.bodyLimitBytes ?? defaultBodyLimit;
  if (spec.rawBody) return [express.raw({ type: () => true, limit, inflate: false })];
  if (!spec.body) return [];
  const requireJson: RequestHandler = (request, _response, next) => {
    const hasBody =
      Number(request.get('content-length') ?? 0) > 0 || request.get('transfer-encoding') !== undefined;
    next(hasBody && !request.is('application/json') ? options.errors.unsupportedMediaType() : undefined);
  };
  return [requireJson, express.json({ limit, inflate: false, strict: true })];
}

function answer(route: Route, errors: CommonErrors): RequestHandler {
  const { spec } = route;
  return async (request, response) => {
    const user = authorize(spec.access, currentContext()?.user, errors);
    const input: RouteInput<unknown, unknown, unknown, Access> = {
      params: spec.params && validate(spec.params, request.params, errors),
      query: spec.query && validate(spec.query, request.query, errors),
      body: spec.body && validate(spec.body, request.body ?? {}, errors),
      user: user,
      idempotencyKey: parseIdempotencyKey(
        request.get('idempotency-key'),
        spec.idempotencyKey === 'required',
        errors,
      ),
      rawBody: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
      header: (name) => request.get(name),
    };
    const answered = await route.handle(input);
    if (answered instanceof StreamAnswer) return beginStream(answered, request, response);
    const { status, data } =
      answered instanceof Reply ? (answered as Reply) : new Reply<unknown>(spec.status ?? 200, answered);
    response.status(status);
    if (spec.bare === 'text') response.type('text/plain').send(data);
    else if (spec.bare === 'json') response.json(data);
    else sendData(response, data);
  };
}

/** Express takes HEAD for GET, and nobody would ever end a stream that has no body. */
function beginStream(answer: StreamAnswer, { method }: Request, response: Response): void {
  trace.getActiveSpan()?.setAttribute(longLived, true);
  if (method === 'HEAD') response.end();
  else answer.begin(response);
}

function authorize(access: Access, user: User | undefined, errors: CommonErrors): User | undefined {
  if (access === 'public' || access === 'signature' || isForProgram(access)) return user;
  if (!user) throw errors.unauthenticated();
  if (typeof access === 'object' && !hasPermission(user, access.permission)) {
    throw errors.permissionDenied({ meta: { permission: access.permission } });
  }
  return user;
}

/** `order.*` covers `order.refund`; `*` covers everything. */
export const hasPermission = (user: User, permission: string): boolean =>
  user.permissions.some(
    (held) => held === '*' || held === permission || held === `${permission.split('.')[0]}.*`,
  );

/** Checks at the door; every wrong field is named at once. */
export function validate<S extends z.ZodType>(schema: S, value: unknown, errors: CommonErrors): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const fields: FieldProblem[] = parsed.error.issues.map((issue) => ({
    field: issue.path.map(String).join('.'),
    message: issue.message,
  }));
  throw errors.invalidArgument({ fields });
}

/** A string of structured fields (RFC 8941 §3.3.3: quoted, with backslash escapes), or a bare value without spaces. */
export function parseIdempotencyKey(
  sent: string | undefined,
  required: boolean,
  errors: CommonErrors,
): string | undefined {
  if (sent === undefined && !required) return undefined;
  const quoted = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(sent ?? '')?.[1];
  const key = quoted?.replace(/\\(.)/g, '$1') ?? sent ?? '';
  const isWhole = quoted !== undefined || /^[\x21\x23-\x7e]+$/.test(key);
  if (isWhole && key.length >= 1 && key.length <= 255) return key;
  throw errors.invalidArgument({
    fields: [{ field: 'Idempotency-Key', message: 'expected 1 to 255 visible ASCII characters' }],
  });
}

export const sendData = (response: Response, data: unknown): void => {
  response.json({
    code: 0,
    message: 'success',
    data: data ?? null,
    trace_id: currentContext()?.traceId ?? '',
  });
};

/** The only place that answers with an error: the envelope for expected ones, a fixed text and a log line for the rest. */
export function sendErrors(errors: CommonErrors, logger: Logger): ErrorRequestHandler {
  return (error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error);
    const known = fromExpress(error, errors);
    if (known.httpStatus >= 500)
      logger.error('request failed', { reason: known.reason, error: known.cause ?? known });
    if (known.retryAfterSeconds !== undefined) response.set('Retry-After', String(known.retryAfterSeconds));
    response.status(known.httpStatus).json(errorBody(known));
  };
}

export const errorBody = (error: AppError) => ({
  code: error.code,
  message: error.message,
  data: null,
  trace_id: currentContext()?.traceId ?? '',
  ...(error.fields && { errors: error.fields }),
});

/** Body parsers and the router throw http-errors; their status is right, their text is not ours. */
function fromExpress(error: unknown, errors: CommonErrors): AppError {
  if (isAppError(error)) return error;
  const status = (error as { status?: unknown } | null)?.status;
  if (status === 400)
    return errors.invalidArgument({ cause: error, fields: [{ field: '', message: 'malformed request' }] });
  if (status === 413) return errors.bodyTooLarge({ cause: error });
  if (status === 415) return errors.unsupportedMediaType({ cause: error });
  return asAppError(error, errors);
}
