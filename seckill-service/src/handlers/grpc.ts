import type { ServerDuplexStream } from '@grpc/grpc-js';
import { serve, type ServedService } from '@onrush/chassis/grpc-server';
import { beginServed } from '@onrush/chassis/spans';
import { seckillService } from '@onrush/proto';
import type { BuyBatch__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyBatch';
import type { BuyBatchReply } from '@onrush/proto/gen/onrush/seckill/v1/BuyBatchReply';
import type { BuyReply } from '@onrush/proto/gen/onrush/seckill/v1/BuyReply';
import type { BuyRequest__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyRequest';
import { isWellFormed, type Purchase } from '../domain/purchase';
import { errors } from '../errors';
import type { BuyBatcher, BuyOutcome } from '../use-cases/buy';
import { findReservation, type FindReservations } from '../use-cases/find-reservations';

export function grpcHandlers(deps: FindReservations & { batcher: BuyBatcher }): ServedService {
  return serve(seckillService, {
    Buy: {
      allow: ['gateway'],
      unary: (request) => new Promise((resolve) => submit(deps.batcher, request, (reply) => resolve(reply))),
    },
    BuyStream: { allow: ['gateway'], duplex: (stream) => answerBatches(stream, deps.batcher) },
    GetReservation: {
      allow: ['gateway', 'order-service'],
      unary: async ({ reservationId, userId }) => {
        const reservation = await findReservation(deps, reservationId, userId);
        return {
          id: reservation.id,
          activityId: reservation.activityId,
          orderNo: reservation.orderNo,
          userId: reservation.userId,
          quantity: reservation.quantity,
          status: reservation.status,
          reason: reservation.reason ?? '',
        };
      },
    },
  });
}

/** Answers that are ready in the same turn of the loop leave as one message, as their requests came. */
function answerBatches(
  stream: ServerDuplexStream<BuyBatch__Output, BuyBatchReply>,
  batcher: BuyBatcher,
): void {
  let ready: BuyReply[] = [];
  let broken = false;
  const send = () => {
    const replies = ready;
    ready = [];
    if (!broken) stream.write({ replies });
  };
  stream.on('data', ({ requests }: BuyBatch__Output) => {
    for (const request of requests) {
      submit(batcher, request, (reply) => {
        if (ready.push(reply) === 1) setImmediate(send);
      });
    }
  });
  stream.on('end', () => setImmediate(() => stream.end()));
  stream.on('cancelled', () => (broken = true));
  stream.on('error', () => (broken = true));
}

function submit(batcher: BuyBatcher, request: BuyRequest__Output, answer: (reply: BuyReply) => void): void {
  const { callId, activityId, userId, quantity, idempotencyKey, purchaseToken: token, traceparent } = request;
  const purchase: Purchase = { activityId, userId, quantity, idempotencyKey, token };
  if (!isWellFormed(purchase)) return answer(toReply(callId, errors.invalidArgument()));
  const done = (outcome: BuyOutcome) => answer(toReply(callId, outcome));
  if (traceparent) submitTraced(batcher, { ...purchase, traceparent }, done);
  else batcher.submit(purchase, done);
}

function submitTraced(batcher: BuyBatcher, purchase: Purchase, done: (outcome: BuyOutcome) => void): void {
  const span = beginServed(seckillService.BuyStream.path, purchase);
  batcher.submit({ ...purchase, traceparent: span.traceparent }, (outcome) => {
    span.end(outcome instanceof Error ? outcome.reason : 'accepted');
    done(outcome);
  });
}

function toReply(callId: number, outcome: BuyOutcome): BuyReply {
  if (!(outcome instanceof Error)) {
    return { callId, orderNo: outcome.orderNo, reservationId: outcome.reservationId };
  }
  const { code, reason, message, retryAfterSeconds = 0 } = outcome;
  return { callId, refusal: { code, reason, message, retryAfterSeconds } };
}
