import * as grpc from '@grpc/grpc-js';
import { internalTokenHeader } from '@onrush/chassis/internal-tokens';
import { seckillService } from '@onrush/proto';
import type { BuyBatch } from '@onrush/proto/gen/onrush/seckill/v1/BuyBatch';
import type { BuyBatchReply__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyBatchReply';
import type { BuyReply__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyReply';
import type { BuyRequest } from '@onrush/proto/gen/onrush/seckill/v1/BuyRequest';
import { emptyResult, record, type LoadResult } from './load';

export interface StreamLoadOptions {
  /** `host:port` of seckill-service's gRPC server. */
  address: string;
  /** An internal token of the gateway's. */
  token: string;
  /** Closed loop: purchases that wait for their answer at one time. Open loop: so many a second, whether the last ones are answered or not. */
  pace: { inFlight: number } | { perSecond: number };
  requests: Omit<BuyRequest, 'callId'>[];
}

const tickMs = 1;
/** As in paced-load.ts. */
const timerToleranceMs = 2;

/** Purchases on one BuyStream, as the gateway has it: what is to be sent in the same turn of the loop leaves as one message. */
export async function runStreamLoad({
  address,
  token,
  pace,
  requests,
}: StreamLoadOptions): Promise<LoadResult> {
  const { stream, close } = openBuyStream(address, token);
  const result = emptyResult();
  /** When it was sent; in an open loop, when it was due. */
  const sentAt = new Float64Array(requests.length);
  const began = performance.now();
  let next = 0;
  let answered = 0;

  function send(count: number): void {
    const first = next;
    next = Math.min(next + count, requests.length);
    if (first === next) return;
    for (let index = first; index < next; index += 1) sentAt[index] = dueAt(index);
    stream.write({
      requests: requests.slice(first, next).map((request, index) => ({ ...request, callId: first + index })),
    });
  }
  function dueAt(index: number): number {
    if (!('perSecond' in pace)) return performance.now();
    return Math.min(performance.now(), began + (index / pace.perSecond) * 1_000 + timerToleranceMs);
  }
  function sendDue(perSecond: number): void {
    const due = Math.floor(((performance.now() - began) / 1_000) * perSecond) + 1;
    send(due - next);
    if (next < requests.length) setTimeout(sendDue, tickMs, perSecond);
  }
  const take = ({ callId, refusal }: BuyReply__Output) => {
    const status = refusal ? Math.floor(refusal.code / 1_000) : 202;
    record(result, status, performance.now() - (sentAt[callId] ?? 0));
  };
  try {
    await new Promise<void>((resolve, reject) => {
      stream.on('error', reject);
      stream.on('data', ({ replies }: BuyBatchReply__Output) => {
        for (const reply of replies) take(reply);
        answered += replies.length;
        if (answered === requests.length) resolve();
        else if ('inFlight' in pace) send(replies.length);
      });
      if ('inFlight' in pace) send(pace.inFlight);
      else sendDue(pace.perSecond);
    });
  } finally {
    result.seconds = (performance.now() - began) / 1_000;
    close();
  }
  return result;
}

function openBuyStream(address: string, token: string) {
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = seckillService.BuyStream;
  const metadata = new grpc.Metadata();
  metadata.set(internalTokenHeader, token);
  const stream = client.makeBidiStreamRequest<BuyBatch, BuyBatchReply__Output>(
    path,
    requestSerialize,
    responseDeserialize,
    metadata,
  );
  const close = () => {
    stream.cancel();
    client.close();
  };
  return { stream, close };
}
