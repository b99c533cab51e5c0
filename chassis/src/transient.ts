import { isAppError, type AppError, type CommonErrors } from './errors';

const transientCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'PROTOCOL_CONNECTION_LOST',
  'POOL_CLOSED',
  'ER_CON_COUNT_ERROR',
  'ER_SERVER_SHUTDOWN',
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_OPTION_PREVENTS_STATEMENT',
  'ER_GET_CONNECTION_TIMEOUT',
]);
const transientNames = new Set([
  'MaxRetriesPerRequestError',
  'KafkaJSConnectionError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSNumberOfRetriesExceeded',
  'KafkaJSBrokerNotFound',
]);
/** What servers say in words: a Redis that starts, fails over, is out of memory or of disk; a connection that just ended. */
const transientMessages =
  /Command timed out|Connection is closed|connection is in closed state|^(LOADING|CLUSTERDOWN|READONLY|MASTERDOWN|NOREPLICAS|MISCONF|OOM|BUSY|TRYAGAIN|EXECABORT)\b/;
const transientStates = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED']);

/** Worth trying again: a server or the network is away, and what we tried to do is not at fault. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (isAppError(error)) return transientStates.has(error.status);
  if (transientCodes.has(String((error as { code?: unknown }).code)) || transientNames.has(error.name))
    return true;
  if (transientMessages.test(error.message)) return true;
  return error.cause instanceof Error && isTransient(error.cause);
}

/** Any thrown value as an AppError: a server that is away is worth another try; what nobody expected is the fixed internal error. */
export function asAppError(error: unknown, errors: CommonErrors): AppError {
  if (isAppError(error)) return error;
  return isTransient(error)
    ? errors.unavailable({ cause: error, retryAfterSeconds: 1 })
    : errors.internal({ cause: error });
}
