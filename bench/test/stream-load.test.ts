import { createGrpcServer, serve, type GrpcServer } from '@onrush/chassis/grpc-server';
import { createMetrics } from '@onrush/chassis/metrics';
import { defineErrors } from '@onrush/chassis/errors';
import { silentLogger } from '@onrush/chassis/testing/logger';
import { createTestTokens } from '@onrush/chassis/testing/tokens';
import { freePort } from '@onrush/chassis/testing/service';
import { seckillService } from '@onrush/proto';
import type { BuyRequest__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyRequest';
import { countsOf } from '../src/load';
import { runStreamLoad } from '../src/stream-load';

const tokens = createTestTokens();
let server: GrpcServer;
let address = '';
const seen: BuyRequest__Output[] = [];
beforeAll(async () => {
  const port = await freePort();
  address = `127.0.0.1:${port}`;
  server = createGrpcServer({
    host: '127.0.0.1',
    port,
    services: [
      serve(seckillService, {
        BuyStream: {
          allow: ['gateway'],
          duplex: (stream) => {
            stream.on('error', () => undefined);
            stream.on('data', ({ requests }: { requests: BuyRequest__Output[] }) => {
              seen.push(...requests);
              stream.write({ replies: requests.map(decide) });
            });
          },
        },
      }),
    ],
    tokens: tokens.of('seckill-service'),
    errors: defineErrors('seckill-service', {}),
    logger: silentLogger,
    metrics: createMetrics({ service: 'test' }),
  });
  await server.start();
});
afterAll(() => server.stop());
beforeEach(() => void (seen.length = 0));

/** Every tenth is refused. */
const decide = ({ callId }: BuyRequest__Output) =>
  callId % 10 === 0
    ? { callId, refusal: { code: 409404, reason: 'SOLD_OUT', message: 'sold out', retryAfterSeconds: 0 } }
    : { callId, orderNo: '1', reservationId: '2' };

const requests = Array.from({ length: 200 }, (_, index) => ({
  activityId: '1',
  userId: String(index + 1),
  quantity: 1,
  idempotencyKey: `k${index}`,
}));

test.each([
  ['a closed loop', { inFlight: 16 }],
  ['an open loop', { perSecond: 2_000 }],
] as const)('%s on a stream sends every purchase once, and counts every answer', async (_name, pace) => {
  const token = await tokens.of('gateway').issue('seckill-service');

  const result = await runStreamLoad({ address, token, pace, requests });

  expect(seen.map(({ userId }) => userId)).toEqual(requests.map(({ userId }) => userId));
  expect(countsOf(result, 202)).toEqual({ all: 200, answered: 180, failed: 20 });
  expect(result.latencies).toHaveLength(180);
  expect(result.refusalLatencies).toHaveLength(20);
  // The last one of the open loop is due that late.
  if ('perSecond' in pace) expect(result.seconds).toBeGreaterThanOrEqual(199 / pace.perSecond);
});
