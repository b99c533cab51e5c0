import { integer, loadConfig, serviceConfig } from '@onrush/chassis/config';
import { z } from 'zod';

const schema = z.object({
  ...serviceConfig,
  /** Work factor of bcrypt: each step doubles the time of one hash. */
  bcryptCost: integer(10, 16).default(12),
  /** Hashes computed at once; they run on the thread pool, off the event loop. */
  hashConcurrency: integer(1, 64).default(4),
  /** Hashes that may wait for their turn; more are told to come back. On two cores 24 of them are three seconds, well within a log-in's eight. */
  hashQueueLimit: integer(1, 10_000).default(24),
});

export type Config = z.output<typeof schema>;
export const configShape = schema.shape;

export const readConfig = (): Config => loadConfig({ service: 'user-service', schema });
