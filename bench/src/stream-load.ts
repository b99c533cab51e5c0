import * as grpc from '@grpc/grpc-js';
import { internalTokenHeader } from '@onrush/chassis/internal-tokens';
import { seckillService } from '@onrush/proto';
import type { BuyBatch } from '@onrush/proto/gen/onrush/seckill/v1/BuyBatch';
import type { BuyBatchReply__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyBatchReply';
import type { BuyReply__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyReply';
import type { BuyRequest } from '@onrush/proto/gen/onrush/seckill/v1/BuyRequest';
import type { LoadResult } from './load';

export interface StreamLoadOptions {
  /** `host:port` of seckill-service's gRPC server. */
  address: string;
  /** An internal token of the gateway's. */
  token: string;
  /** Purchases that wait for their answer at one time. */
  inFlight: number;
  requests: Omit<BuyRequest, 'callId'>[];
}

/** A closed loop on one BuyStream, as the gateway has it: what is to be sent in the same turn of the loop leaves as one message. */
export async function runStreamLoad({
  address,
  token,
  inFlight,
  requests,
}: StreamLoadOptions): Promise<LoadResult> {
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
  const result: LoadResult = { statuses: new Map(), latencies: [], seconds: 0 };
  const sentAt = new Float64Array(requests.length);
  const began = performance.now();
  let next = 0;
  let answered = 0;

  const send = (count: number) => {
    const first = next;
    next = Math.min(next + count, requests.length);
    if (first === next) return;
    sentAt.fill(performance.now(), first, next);
    stream.write({
      requests: requests.slice(first, next).map((request, index) => ({ ...request, callId: first + index })),
    });
  };
  const take = ({ callId, refusal }: BuyReply__Output) => {
    const status = refusal ? Math.floor(refusal.code / 1_000) : 202;
    result.statuses.set(status, (result.statuses.get(status) ?? 0) + 1);
    if (!refusal) result.latencies.push(performance.now() - (sentAt[callId] ?? 0));
  };
  try {
    await new Promise<void>((resolve, reject) => {
      stream.on('error', reject);
      stream.on('data', ({ replies }: BuyBatchReply__Output) => {
        for (const reply of replies) take(reply);
        answered += replies.length;
        if (answered === requests.length) resolve();
        else send(replies.length);
      });
      send(inFlight);
    });
  } finally {
    result.seconds = (performance.now() - began) / 1_000;
    stream.cancel();
    client.close();
  }
  return result;
}
