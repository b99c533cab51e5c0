import { integer, loadConfig, serviceConfig } from '@onrush/chassis/config';
import { z } from 'zod';

const schema = z.object({
  ...serviceConfig,
  /** How long an ordinary order waits for its payment; a seckill order's time comes from its activity. */
  orderPaymentTimeoutSeconds: integer(1, 86_400).default(900),
  /** How often orders are looked for whose time is near, whose time is up and whose timer was lost, and sagas that nobody finished. */
  orderSweepSeconds: integer(1, 3600).default(5),
  /** A saga that has not moved for this long belongs to a dead process. */
  sagaStaleSeconds: integer(1, 3600).default(15),
});

export type Config = z.output<typeof schema>;
export const configShape = schema.shape;

export const readConfig = (): Config => loadConfig({ service: 'order-service', schema });
