import { integer, loadConfig, mysqlConfig, processConfig, redisConfig } from '@onrush/chassis/config';
import { z } from 'zod';
import { longestAccessSeconds } from './domain/session';

const schema = z.object({
  ...processConfig,
  ...mysqlConfig,
  ...redisConfig,
  /** Seals the private signing keys in the database, and derives refresh tokens: 32 bytes in base64. */
  keyEncryptionSecret: z
    .base64()
    .refine((text) => Buffer.from(text, 'base64').length === 32, 'expected 32 bytes in base64'),
  accessTokenSeconds: integer(60, longestAccessSeconds).default(600),
  /** Failed log-ins of one name within 15 minutes before it has to wait. */
  loginFailureLimit: integer(3, 1000).default(10),
});

export type Config = z.output<typeof schema>;
export const configShape = schema.shape;

export const readConfig = (): Config => loadConfig({ service: 'auth-service', schema });
