import { status } from '@grpc/grpc-js';
import { createGrpcServer, serve, type GrpcServer } from '@onrush/chassis/grpc-server';
import { createMetrics } from '@onrush/chassis/metrics';
import { silentLogger } from '@onrush/chassis/testing/logger';
import type { TestTokens } from '@onrush/chassis/testing/tokens';
import { seckillService } from '@onrush/proto';
import type { BuyReply } from '@onrush/proto/gen/onrush/seckill/v1/BuyReply';
import type { BuyRequest__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyRequest';
import { errors } from '../src/errors';

export interface FakeSeckill {
  server: GrpcServer;
  batches: BuyRequest__Output[][];
  decide: (request: BuyRequest__Output) => BuyReply | undefined;
  /** Breaks every open stream. */
  breakStreams(): void;
}

/** A seckill-service that only decides on purchases, as a test says. */
export async function playSeckill(tokens: TestTokens, port = 0): Promise<FakeSeckill> {
  const open = new Set<{ emit(event: 'error', error: object): unknown }>();
  let nextNumber = 1;
  const state: Omit<FakeSeckill, 'server'> = {
    batches: [],
    decide: () => ({ orderNo: String(nextNumber++), reservationId: String(nextNumber++) }),
    breakStreams: () =>
      open.forEach((stream) => stream.emit('error', { code: status.UNAVAILABLE, details: 'gone' })),
  };
  const service = serve(seckillService, {
    BuyStream: {
      allow: ['gateway'],
      duplex: (stream) => {
        open.add(stream);
        stream.on('error', () => undefined);
        stream.on('data', ({ requests }: { requests: BuyRequest__Output[] }) => {
          state.batches.push(requests);
          const replies = requests.flatMap((request) => {
            const reply = state.decide(request);
            return reply ? [{ ...reply, callId: request.callId }] : [];
          });
          if (replies.length > 0) stream.write({ replies });
        });
      },
    },
  });
  const server = createGrpcServer({
    host: '127.0.0.1',
    port,
    services: [service],
    tokens: tokens.of('seckill-service'),
    errors,
    logger: silentLogger,
    metrics: createMetrics({ service: 'seckill' }),
  });
  await server.start();
  return Object.assign(state, { server });
}
