import { integer, loadConfig, serviceConfig } from '@onrush/chassis/config';
import { z } from 'zod';

const schema = z.object({
  ...serviceConfig,
  /** `api` answers buyers, `worker` carries what they bought on to MySQL and Kafka; `all` does both in one process. */
  role: z.enum(['all', 'api', 'worker']).default('all'),
  /** The most purchases that one run of the Lua script decides. */
  buyBatchSize: integer(1, 1000).default(500),
  /** The most purchases that may wait for their turn in this process; more are told to come back. */
  buyQueueLimit: integer(100, 1_000_000).default(50_000),
  /** The most purchases of one activity that may wait in Redis for MySQL and Kafka; more are told to come back. */
  backlogLimit: integer(1, 10_000_000).default(200_000),
  /** A sold-out activity is answered from memory for at most this long until Redis confirms it; 0: never. */
  soldOutTtlMs: integer(0, 1_000).default(1_000),
  /** The most event streams of reservations that are open at once in this process. */
  resultStreamLimit: integer(1, 100_000).default(2_000),
  /** After this long a stream ends, and its client connects again if it still wants it. */
  resultStreamSeconds: integer(1, 86_400).default(900),
  /** How often a quiet stream gets a comment, so that nobody in between takes it for dead. */
  resultHeartbeatMs: integer(100, 60_000).default(15_000),
  /** How often the ledger is asked for all reservations that are followed, in case a message was lost. */
  resultCheckMs: integer(100, 60_000).default(5_000),
  /** Stream entries per turn of the relay; one entry holds the purchases of one batch. */
  relayBatchSize: integer(1, 1000).default(50),
  /** After this long without acknowledgement, the entries of a dead instance are taken over. */
  relayClaimIdleMs: integer(100, 600_000).default(5_000),
});

export type Config = z.output<typeof schema>;
export const configShape = schema.shape;

export const readConfig = (): Config => loadConfig({ service: 'seckill-service', schema });
