import { type GrpcStatusName, grpcStatusOf } from './grpc-status';

/** One wrong field of a request: where it is (dotted path) and what is wrong with it. */
export interface FieldProblem {
  field: string;
  message: string;
}

export interface ErrorFacts {
  /** For the log and for callers that are services; never for the public. */
  meta?: Record<string, unknown>;
  fields?: FieldProblem[];
  retryAfterSeconds?: number;
  cause?: unknown;
}

export interface ErrorDefinition {
  /** Six digits: HTTP status (3), service (1), number (2). */
  code: number;
  reason: string;
  /** The fixed public text. */
  message: string;
  status: GrpcStatusName;
}

/** An expected failure: it has a stable code and reason, and says who may retry. Everything else thrown is a bug. */
export class AppError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly status: GrpcStatusName;
  readonly meta: Record<string, unknown>;
  readonly fields: FieldProblem[] | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(definition: ErrorDefinition, facts: ErrorFacts = {}) {
    // A refusal is no bug that somebody looks for, and taking its stack costs more than all the rest of it. A cause keeps its own.
    const { stackTraceLimit } = Error;
    if (Math.floor(definition.code / 1_000) !== 500) Error.stackTraceLimit = 0;
    super(definition.message, facts.cause === undefined ? undefined : { cause: facts.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'AppError';
    this.code = definition.code;
    this.reason = definition.reason;
    this.status = definition.status;
    this.meta = facts.meta ?? {};
    this.fields = facts.fields;
    this.retryAfterSeconds = facts.retryAfterSeconds;
  }

  get httpStatus(): number {
    return Math.floor(this.code / 1000);
  }
}

export const isAppError = (error: unknown): error is AppError => error instanceof AppError;

type Factory = ((facts?: ErrorFacts) => AppError) & { definition: ErrorDefinition };
type OwnErrors = Record<string, { http: number; number: number; message: string; status?: GrpcStatusName }>;
export type Catalogue<Names extends string> = Record<Names, Factory> & { all: ErrorDefinition[] };
export type CommonErrors = Catalogue<keyof typeof common>;

/** Number 00 of each HTTP status, the same in every service; a service's own errors count from 01. */
const common = {
  invalidArgument: { http: 400, number: 0, message: 'the request is not valid' },
  unauthenticated: { http: 401, number: 0, message: 'log in first' },
  permissionDenied: { http: 403, number: 0, message: 'not allowed' },
  notFound: { http: 404, number: 0, message: 'not found' },
  methodNotAllowed: { http: 405, number: 0, message: 'method not allowed' },
  conflict: { http: 409, number: 0, message: 'the state does not allow this' },
  bodyTooLarge: { http: 413, number: 0, message: 'the body is too large' },
  unsupportedMediaType: { http: 415, number: 0, message: 'send application/json' },
  unprocessable: { http: 422, number: 0, message: 'the request cannot be carried out as it stands' },
  rateLimited: { http: 429, number: 0, message: 'too many requests' },
  internal: { http: 500, number: 0, message: 'internal error' },
  unavailable: { http: 503, number: 0, message: 'not available now, try again' },
  deadlineExceeded: { http: 504, number: 0, message: 'took too long' },
} satisfies OwnErrors;

/** The digit each service has inside its error codes. */
export const serviceDigits = {
  gateway: 0,
  'user-service': 1,
  'auth-service': 2,
  'product-service': 3,
  'seckill-service': 4,
  'order-service': 5,
  'payment-service': 6,
  'notify-service': 7,
} as const;

/** A service's catalogue: the common errors and its own. `throw errors.soldOut({ meta: { activityId } })`. */
export function defineErrors<Own extends OwnErrors>(
  service: keyof typeof serviceDigits,
  own: Own,
): Catalogue<keyof typeof common | Extract<keyof Own, string>> {
  const factories: Record<string, Factory> = {};
  for (const [name, entry] of Object.entries<OwnErrors[string]>({ ...common, ...own })) {
    const definition: ErrorDefinition = {
      code: entry.http * 1000 + serviceDigits[service] * 100 + entry.number,
      reason: name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
      message: entry.message,
      status: entry.status ?? grpcStatusOf(entry.http),
    };
    factories[name] = Object.assign((facts?: ErrorFacts) => new AppError(definition, facts), { definition });
  }
  const all = Object.values(factories).map((factory) => factory.definition);
  return { ...factories, all } as Catalogue<keyof typeof common | Extract<keyof Own, string>>;
}
