import { Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { AppError, isAppError, type CommonErrors, type FieldProblem } from './errors';

export type GrpcStatusName = Exclude<keyof typeof status, 'OK'>;

/** The one table AppError ⇄ gRPC ⇄ HTTP. The first row of an HTTP status is the one an error of ours gets by default. */
const table: { http: number; grpc: GrpcStatusName }[] = [
  { http: 400, grpc: 'INVALID_ARGUMENT' },
  { http: 400, grpc: 'OUT_OF_RANGE' },
  { http: 401, grpc: 'UNAUTHENTICATED' },
  { http: 403, grpc: 'PERMISSION_DENIED' },
  { http: 404, grpc: 'NOT_FOUND' },
  { http: 405, grpc: 'UNIMPLEMENTED' },
  // Not a retryable code: a sold-out sale must not attack itself with retries.
  { http: 409, grpc: 'FAILED_PRECONDITION' },
  { http: 409, grpc: 'ALREADY_EXISTS' },
  { http: 409, grpc: 'ABORTED' },
  { http: 412, grpc: 'FAILED_PRECONDITION' },
  { http: 413, grpc: 'INVALID_ARGUMENT' },
  { http: 415, grpc: 'INVALID_ARGUMENT' },
  { http: 422, grpc: 'FAILED_PRECONDITION' },
  { http: 429, grpc: 'RESOURCE_EXHAUSTED' },
  { http: 500, grpc: 'INTERNAL' },
  { http: 503, grpc: 'UNAVAILABLE' },
  { http: 504, grpc: 'DEADLINE_EXCEEDED' },
];

export const grpcStatusOf = (http: number): GrpcStatusName =>
  table.find((row) => row.http === http)?.grpc ?? 'INTERNAL';

export const httpStatusOf = (grpc: GrpcStatusName): number =>
  table.find((row) => row.grpc === grpc)?.http ?? 500;

/** What `error-meta` carries beside the reason, as JSON. */
interface WireFacts {
  code: number;
  message: string;
  meta?: Record<string, unknown>;
  fields?: FieldProblem[];
  retry_after?: number;
}

/** An error as it leaves a gRPC server: canonical code, public message, facts in the trailing metadata. */
export function toGrpcError(error: AppError): Partial<StatusObject> {
  const metadata = new Metadata();
  const facts: WireFacts = {
    code: error.code,
    message: error.message,
    meta: error.meta,
    ...(error.fields && { fields: error.fields }),
    ...(error.retryAfterSeconds !== undefined && { retry_after: error.retryAfterSeconds }),
  };
  metadata.set('error-reason', error.reason);
  // Header values are ASCII on the wire.
  metadata.set('error-meta', encodeURIComponent(JSON.stringify(facts)));
  return { code: status[error.status], details: error.message, metadata };
}

/** An error as a gRPC client sees it: the callee's own AppError again, or the caller's nearest common error. */
export function fromGrpcError(error: ServiceError, errors: CommonErrors): AppError {
  const reason = error.metadata?.get('error-reason')[0];
  const wire = error.metadata?.get('error-meta')[0];
  if (typeof reason === 'string' && typeof wire === 'string') {
    const facts = JSON.parse(decodeURIComponent(wire)) as WireFacts;
    return new AppError(
      { code: facts.code, reason, message: facts.message, status: statusName(error.code) },
      {
        cause: error,
        ...(facts.meta && { meta: facts.meta }),
        ...(facts.fields && { fields: facts.fields }),
        ...(facts.retry_after !== undefined && { retryAfterSeconds: facts.retry_after }),
      },
    );
  }
  return nearest(error, errors);
}

function nearest(error: ServiceError, errors: CommonErrors): AppError {
  const facts = { cause: error, meta: { grpc: statusName(error.code), details: error.details } };
  if (error.code === status.UNAVAILABLE || error.code === status.CANCELLED) {
    return errors.unavailable({ ...facts, retryAfterSeconds: 1 });
  }
  if (error.code === status.DEADLINE_EXCEEDED) return errors.deadlineExceeded(facts);
  return errors.internal(facts);
}

const statusName = (code: status): GrpcStatusName => status[code] as GrpcStatusName;

/** Any thrown value as an AppError; what nobody expected becomes the fixed internal error, with its cause kept. */
export const asAppError = (error: unknown, errors: CommonErrors): AppError =>
  isAppError(error) ? error : errors.internal({ cause: error });
