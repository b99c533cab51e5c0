import { loadConfig, serviceConfig, text } from '@onrush/chassis/config';
import { z } from 'zod';

const schema = z.object({
  ...serviceConfig,
  /** Signs the callbacks of the channel `mock`: at least 16 characters. */
  mockPaymentSecret: text.min(16),
  /** Where buyers reach us; pay URLs start with it. */
  publicUrl: z.url().default('http://127.0.0.1:8080'),
});

export type Config = z.output<typeof schema>;
export const configShape = schema.shape;

export const readConfig = (): Config => loadConfig({ service: 'payment-service', schema });
