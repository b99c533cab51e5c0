import { createHmac, timingSafeEqual } from 'node:crypto';
import { isAppError } from '@onrush/chassis/errors';
import { Reply, route, type Route } from '@onrush/chassis/http-routes';
import type { Logger } from '@onrush/chassis/logger';
import { isTransient } from '@onrush/chassis/mysql';
import { z } from 'zod';
import { settlePayment, type SettlePayment } from '../use-cases/settle-payment';

const callback = z.object({
  payment_no: z.string().min(1).max(64),
  trade_no: z.string().min(1).max(64),
  amount: z.int().nonnegative(),
  currency: z.string().length(3),
  status: z.enum(['SUCCESS', 'FAILED']),
  paid_at: z.iso.datetime({ offset: true }),
});

type Verdict = 'success' | 'fail';

/** `success` only after the commit; anything else makes the provider send it again. */
export const mockCallback = (deps: SettlePayment & { mockPaymentSecret: string }): Route =>
  route(
    'POST /api/v1/payment/callback/mock',
    {
      summary: 'The mock provider reports a payment',
      access: 'signature',
      rawBody: true,
      reply: z.enum(['success', 'fail']),
      bare: 'text',
    },
    async (request) => {
      const { rawBody } = request;
      if (!isSigned(rawBody, request.header('x-mock-signature'), deps.mockPaymentSecret))
        return new Reply<Verdict>(401, 'fail');
      const report = parse(rawBody);
      if (!report) return new Reply<Verdict>(400, 'fail');
      try {
        await settlePayment(deps, { report, body: rawBody.toString('utf8') });
        return 'success';
      } catch (error) {
        return refusal(error, deps.logger);
      }
    },
  );

/** Providers read one word: what went wrong is for our log. */
function refusal(error: unknown, logger: Logger): Reply<Verdict> {
  if (isAppError(error)) return new Reply(error.httpStatus, 'fail');
  logger.error('callback not handled', { error });
  return new Reply(isTransient(error) ? 503 : 500, 'fail');
}

/** Hex HMAC-SHA256 over the bytes as they came. */
function isSigned(body: Buffer, signature: string | undefined, secret: string): boolean {
  const expected = createHmac('sha256', secret).update(body).digest();
  const sent = /^[0-9a-f]{64}$/i.test(signature ?? '')
    ? Buffer.from(signature ?? '', 'hex')
    : Buffer.alloc(32);
  return timingSafeEqual(expected, sent);
}

function parse(body: Buffer) {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
  const parsed = callback.safeParse(json);
  if (!parsed.success) return undefined;
  const { payment_no, trade_no, paid_at, ...same } = parsed.data;
  return { ...same, paymentNo: payment_no, tradeNo: trade_no, paidAt: new Date(paid_at) };
}
