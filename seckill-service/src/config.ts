import { integer, jsonOr, loadConfig, serviceConfig, text } from '@onrush/chassis/config';
import { z } from 'zod';

const rule = z.strictObject({ quota: z.int().min(1), window_seconds: z.int().min(1).max(86_400) });
const velocityRules = z.strictObject({
  user: rule.optional(),
  address: rule.optional(),
  device: rule.optional(),
});

/** What stands before a purchase token. */
const challenge = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('proof_of_work'), difficulty: z.int().min(1).max(32) }),
  z.strictObject({ kind: z.literal('captcha'), site_key: text, secret: text, verify_url: z.url() }),
]);
export type ChallengeConfig = z.output<typeof challenge>;

const adaptiveAdmission = z
  .strictObject({
    least: z.int().min(1).max(100_000),
    most: z.int().min(1).max(100_000),
    backlog: z.int().min(1).max(10_000_000),
  })
  .refine(({ least, most }) => least <= most, { path: ['most'], message: 'must not be below least' });

const schema = z.object({
  ...serviceConfig,
  /** `api` answers buyers, `worker` carries what they bought on to MySQL and Kafka; `all` does both in one process. */
  role: z.enum(['all', 'api', 'worker']).default('all'),
  /** The most purchases that one run of the Lua script decides. */
  buyBatchSize: integer(1, 1000).default(500),
  /** The most purchases that may wait for their turn in this process; more are told to come back. */
  buyQueueLimit: integer(100, 1_000_000).default(50_000),
  /** The most purchases of one live sale that may wait in Redis for MySQL and Kafka; more are told to come back. */
  backlogLimit: integer(1, 10_000_000).default(500_000),
  /** Into how many buckets, on different slots of a Redis Cluster, the stock of an activity is split when it is warmed up. */
  stockBuckets: integer(1, 64).default(1),
  /** A sold-out activity is answered from memory for at most this long until Redis confirms it; 0: never. */
  soldOutTtlMs: integer(0, 1_000).default(1_000),
  /** The most event streams of reservations and of waiting rooms that are open at once in this process. */
  resultStreamLimit: integer(1, 100_000).default(2_000),
  /** After this long a stream ends, and its client connects again if it still wants it. */
  resultStreamSeconds: integer(1, 86_400).default(900),
  /** How often a quiet stream gets a comment, so that nobody in between takes it for dead. */
  resultHeartbeatMs: integer(100, 60_000).default(15_000),
  /** How often the ledger is asked for all reservations that are followed, in case a message was lost. */
  resultCheckMs: integer(100, 60_000).default(5_000),
  /** Purchases that the relay records in one transaction, about: it reads whole entries, each with the purchases of one batch. */
  relayBatchSize: integer(1, 10_000).default(2_000),
  /** After this long without acknowledgement, the entries of a dead instance are taken over. */
  relayClaimIdleMs: integer(100, 600_000).default(5_000),
  /** After this long without an end, an operation on a live sale is carried on by the worker. */
  operationResumeMs: integer(100, 600_000).default(5_000),
  /** Signs purchase tokens and puzzles, the same for all instances: at least 32 characters. */
  purchaseTokenSecret: text.min(32),
  /** So long a purchase token and a puzzle are good for, and so long before its start a sale gives tokens out. */
  purchaseTokenSeconds: integer(5, 600).default(60),
  /** `{ kind: none }`, `{ kind: proof_of_work, difficulty }` in bits, or `{ kind: captcha, site_key, secret, verify_url }`. */
  challenge: jsonOr(challenge).default({ kind: 'none' }),
  /** How often a user, an address and a device (`X-Device-Id`) may ask for a token: `{ quota, window_seconds }` each. */
  tokenVelocity: jsonOr(velocityRules).default({
    user: { quota: 20, window_seconds: 60 },
    address: { quota: 600, window_seconds: 60 },
    device: { quota: 30, window_seconds: 60 },
  }),
  /** So many minutes before its start the worker warms a planned activity up; 0: never. */
  warmUpMinutes: integer(0, 1_440).default(5),
  /** How often the worker lets people out of the waiting rooms. */
  admissionTickMs: integer(20, 1_000).default(200),
  /** How many an adaptive waiting room admits per second, and beyond how many purchases that wait to be recorded it slows down. */
  adaptiveAdmission: jsonOr(adaptiveAdmission).default({ least: 20, most: 5_000, backlog: 2_000 }),
  /** How often those who follow their place in a waiting room are told of it. */
  queueTellMs: integer(100, 60_000).default(1_000),
  /** How often the worker looks whether Redis still has the live sales. */
  guardMs: integer(100, 60_000).default(1_000),
  /** How often the worker compares Redis with the ledger, and repairs what is wrong. */
  reconcileSeconds: integer(1, 3_600).default(10),
  /** How long a rebuilt sale stays closed, so that accepted purchases which only an api process knows come in before anybody buys. */
  handOverMs: integer(0, 4_000).default(1_500),
  /** The most accepted purchases that an api process keeps until they are in the ledger; beyond it, the oldest are not kept. */
  keptPurchasesLimit: integer(1_000, 10_000_000).default(500_000),
  /** After this long without an order, a reservation is announced again. */
  republishAfterSeconds: integer(1, 86_400).default(60),
});

export type Config = z.output<typeof schema>;
export const configShape = schema.shape;

export const readConfig = (): Config => loadConfig({ service: 'seckill-service', schema });
