import type { ServerDuplexStream } from '@grpc/grpc-js';
import { serve, type ServedService } from '@onrush/chassis/grpc-server';
import { seckillService } from '@onrush/proto';
import type { BuyBatch__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyBatch';
import type { BuyBatchReply } from '@onrush/proto/gen/onrush/seckill/v1/BuyBatchReply';
import type { BuyReply } from '@onrush/proto/gen/onrush/seckill/v1/BuyReply';
import type { BuyRequest__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyRequest';
import type { Purchase } from '../domain/purchase';
import type { BuyBatcher, BuyOutcome } from '../use-cases/buy';
import { findReservation, type FindReservations } from '../use-cases/find-reservations';

export function grpcHandlers(deps: FindReservations & { batcher: BuyBatcher }): ServedService {
  return serve(seckillService, {
    Buy: {
      allow: ['gateway'],
      unary: (request) =>
        new Promise((resolve) =>
          deps.batcher.submit(toPurchase(request), (outcome) => resolve(toReply(request.callId, outcome))),
        ),
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
      batcher.submit(toPurchase(request), (outcome) => {
        if (ready.push(toReply(request.callId, outcome)) === 1) setImmediate(send);
      });
    }
  });
  stream.on('end', () => setImmediate(() => stream.end()));
  stream.on('cancelled', () => (broken = true));
  stream.on('error', () => (broken = true));
}

const toPurchase = (request: BuyRequest__Output): Purchase => ({
  activityId: request.activityId,
  userId: request.userId,
  quantity: request.quantity,
  idempotencyKey: request.idempotencyKey,
});

function toReply(callId: number, outcome: BuyOutcome): BuyReply {
  if (!(outcome instanceof Error)) {
    return { callId: callId, orderNo: outcome.orderNo, reservationId: outcome.reservationId };
  }
  const { code, reason, message, retryAfterSeconds = 0 } = outcome;
  return { callId: callId, refusal: { code, reason, message, retryAfterSeconds: retryAfterSeconds } };
}
