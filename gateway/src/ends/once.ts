import type { AppError } from '@onrush/chassis/errors';
import { asAppError } from '@onrush/chassis/transient';
import { clientHeaders, headerOf, unkept, withoutHeader } from '../upstream/answer-headers';
import type { Ask } from './call';
import { errors } from '../errors';
import { failureBody, failureHeaders, send, type Exchange } from '../exchange';
import type { Begun, Idempotency, StoredAnswer } from '../idempotency/idempotency';
import { fingerprintOf, shouldStore, type Settled } from '../idempotency/idempotency-rules';
import { discard, failureInstead, withRetryAfter } from './relay';
import { emptyBody } from '../connection/request-body';
import type { GatewayRoute } from '../routes';

const hourMs = 3_600_000;
/** When the route's own limit is over for so long, the execution has ended, or its gateway has died. */
const graceMs = 5_000;
const answerLimitBytes = 1_048_576;

/** Carries a request with an Idempotency-Key out once, however often it is sent; resolves with the status of the answer. */
export type Once = (
  exchange: Exchange,
  route: GatewayRoute,
  key: string,
  body: Buffer | null,
) => Promise<number>;

export function createOnce(deps: { idempotency: Idempotency; ask: Ask }): Once {
  return async (exchange, route, key, body) => {
    const begun = await begin(exchange, route, key, body);
    if (begun.state === 'started') return execute(exchange, route, begun, body);
    if (begun.state === 'in-flight')
      throw errors.requestInFlight({ retryAfterSeconds: begun.retryAfterSeconds });
    if (begun.state === 'mismatch') throw errors.keyReused();
    if (begun.state === 'not-replayable') throw errors.answerNotKept({ meta: { status: begun.status } });
    exchange.headers.push('Idempotent-Replayed', 'true');
    return give(exchange, begun.answer);
  };

  async function begin(
    exchange: Exchange,
    route: GatewayRoute,
    key: string,
    body: Buffer | null,
  ): Promise<Begun> {
    const { request, user, address, path, search } = exchange;
    const method = request.method ?? '';
    const principal = user ? `user ${user.id}` : `address ${address}`;
    const contentType = request.headers['content-type'];
    const fingerprint = fingerprintOf({ method, path, search, contentType, body: body ?? emptyBody });
    const keepMs = route.idempotencyKey.keepHours * hourMs;
    try {
      const scope = { principal, route: `${method} ${path}`, key };
      return await deps.idempotency.begin(scope, fingerprint, {
        inFlightMs: route.timeoutMs + graceMs,
        keepMs,
      });
    } catch (cause) {
      throw errors.unavailable({ cause, retryAfterSeconds: 1 });
    }
  }

  /** To its end also when the client goes away: the next try is answered with what came of this one. */
  async function execute(
    exchange: Exchange,
    route: GatewayRoute,
    begun: Extract<Begun, { state: 'started' }>,
    body: Buffer | null,
  ): Promise<number> {
    const { dedupes } = route.idempotencyKey;
    const { answer, ...ended } = await askToTheEnd(exchange, route, body);
    if (shouldStore(answer.status, { ...ended, dedupes })) await begun.complete(answer);
    else await begun.abandon();
    return give(exchange, answer);
  }

  async function askToTheEnd(
    exchange: Exchange,
    route: GatewayRoute,
    body: Buffer | null,
  ): Promise<{ answer: StoredAnswer } & Pick<Settled, 'ending' | 'asksToRetry'>> {
    let hasHead = false;
    try {
      const isRepeatable = route.idempotencyKey.dedupes;
      const answer = await deps.ask(exchange, route, { body, isRepeatable, isDetached: true });
      hasHead = true;
      // What the service says, not what we say in its place.
      const asksToRetry = headerOf(answer.headers, 'retry-after') !== undefined;
      const failure = failureInstead(answer);
      if (failure) {
        discard(answer);
        return { answer: answerOf(exchange, failure), ending: 'answered', asksToRetry };
      }
      const headers = [
        ...withoutHeader(unkept(clientHeaders(answer.headers)), 'content-length'),
        'x-served-version',
        answer.instance.version,
      ];
      const stored = { status: answer.status, headers, body: await answer.collect(answerLimitBytes) };
      return { answer: stored, ending: 'answered', asksToRetry };
    } catch (error) {
      const failure = asAppError(error, errors);
      // Only a 503 without the head of an answer says that nothing was carried out.
      const isUnsent = !hasHead && failure.httpStatus === 503;
      const ending = isUnsent ? 'not-sent' : 'no-answer';
      return { answer: answerOf(exchange, failure), ending, asksToRetry: false };
    }
  }
}

function give(exchange: Exchange, { status, headers, body }: StoredAnswer): number {
  send(exchange, status, withRetryAfter(status, headers), body);
  return status;
}

const answerOf = (exchange: Exchange, failure: AppError): StoredAnswer => ({
  status: failure.httpStatus,
  headers: failureHeaders(failure),
  body: Buffer.from(failureBody(exchange, failure)),
});
