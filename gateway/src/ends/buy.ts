import { z } from 'zod';
import { isAppError, type AppError } from '@onrush/chassis/errors';
import { failpoint } from '@onrush/chassis/failpoint';
import { validate } from '@onrush/chassis/http-server';
import type { BuyReply__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyReply';
import { statusOf, type BuyStreams, type Wanted } from '../upstream/buy-streams';
import type { CanaryChoice } from '../canary/canary-choice';
import { errors } from '../errors';
import { sendError, sendJson, type Exchange } from '../exchange';
import type { End } from '../pipeline';
import { traceparentOf } from '../request-trace';
import { parseJsonStrictly } from '../connection/strict-json';

const purchase = z.strictObject({
  quantity: z.int().min(1).max(100).default(1),
  token: z.string().max(512).default(''),
});
type Purchase = z.output<typeof purchase>;
const oneUnit: Purchase = { quantity: 1, token: '' };

/**
 * The end of every buyer's request of the same second: one gRPC message for many purchases, and no promise. An absent body is one unit.
 */
export function createBuy(deps: { streams: BuyStreams; canary: Pick<CanaryChoice, 'preferenceOf'> }): End {
  return (exchange, route, idempotencyKey = '') => {
    const { user, id, body } = exchange;
    if (!user || !id || !/^[1-9]\d{0,18}$/.test(id)) throw errors.notFound();
    const { quantity, token } = body ? purchaseIn(body) : oneUnit;
    const wanted: Wanted = {
      activityId: id,
      userId: user.id,
      quantity,
      idempotencyKey,
      purchaseToken: token,
    };
    if (exchange.isSampled) wanted.traceparent = traceparentOf(exchange);
    const preference = deps.canary.preferenceOf(exchange, route);
    deps.streams.submit(wanted, { preference, timeoutMs: route.timeoutMs }, (answer, version) => {
      if (version !== undefined) {
        exchange.headers.push('X-Served-Version', version);
        exchange.servedVersion = version;
      }
      reply(exchange, answer);
    });
  };
}

/** What the last body said: nearly all buyers of a sale send the same bytes. */
let last: { body: Buffer; purchase: Purchase } = { body: Buffer.from('{}'), purchase: oneUnit };

function purchaseIn(body: Buffer): Purchase {
  if (!body.equals(last.body)) last = { body, purchase: validate(purchase, parseJsonStrictly(body), errors) };
  return last.purchase;
}

function reply(exchange: Exchange, answer: BuyReply__Output | AppError): void {
  if (isAppError(answer)) return sendError(exchange, answer);
  const { refusal, orderNo, reservationId } = answer;
  const { traceId } = exchange;
  if (!refusal) {
    failpoint('gateway.purchase-accepted');
    const data = `{"order_no":"${orderNo}","reservation_id":"${reservationId}","status":"QUEUED"}`;
    return sendJson(exchange, 202, `{"code":0,"message":"success","data":${data},"trace_id":"${traceId}"}`);
  }
  const { code, message, retryAfterSeconds } = refusal;
  if (retryAfterSeconds > 0) exchange.headers.push('Retry-After', String(retryAfterSeconds));
  sendJson(exchange, statusOf(code), JSON.stringify({ code, message, data: null, trace_id: traceId }));
}
