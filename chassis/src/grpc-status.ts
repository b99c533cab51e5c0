import type { status } from '@grpc/grpc-js';

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
