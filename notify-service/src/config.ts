import { loadConfig, serviceConfig } from '@onrush/chassis/config';
import { z } from 'zod';

const schema = z.object({
  ...serviceConfig,
  /** What Alertmanager has to send as its bearer token: at least 32 characters. Without it nobody tells of alerts. */
  alertWebhookToken: z
    .string()
    .regex(/^([\x21-\x7e]{32,})?$/, 'expected at least 32 visible ASCII characters')
    .default(''),
});

export type Config = z.output<typeof schema>;
export const configShape = schema.shape;

export const readConfig = (): Config => loadConfig({ service: 'notify-service', schema });
