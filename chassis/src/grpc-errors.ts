import { Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { AppError, type CommonErrors, type FieldProblem } from './errors';
import type { GrpcStatusName } from './grpc-status';

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
