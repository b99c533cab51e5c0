import { isAppError } from './errors';

const transientCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
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
const transientStates = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED']);

/** Worth trying again: a server or the network is away, and what we tried to do is not at fault. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (isAppError(error)) return transientStates.has(error.status);
  if (transientCodes.has(String((error as { code?: unknown }).code)) || transientNames.has(error.name))
    return true;
  if (/Command timed out|Connection is closed|LOADING|CLUSTERDOWN/.test(error.message)) return true;
  return error.cause instanceof Error && isTransient(error.cause);
}
