import { integer, loadConfig, serviceConfig } from '@onrush/chassis/config';
import { z } from 'zod';

const schema = z.object({
  ...serviceConfig,
  /** How long a product's page may be answered from Redis. */
  productCacheSeconds: integer(1, 3600).default(30),
});

export type Config = z.output<typeof schema>;
export const configShape = schema.shape;

export const readConfig = (): Config => loadConfig({ service: 'product-service', schema });
