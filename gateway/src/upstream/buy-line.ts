import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { Instance } from '@onrush/chassis/discovery';
import type { AppError } from '@onrush/chassis/errors';
import type { BuyBatch } from '@onrush/proto/gen/onrush/seckill/v1/BuyBatch';
import type { BuyBatchReply__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyBatchReply';
import type { BuyReply__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyReply';
import type { BuyRequest } from '@onrush/proto/gen/onrush/seckill/v1/BuyRequest';
import type { BatchMeasure } from './version-measures';
import { createWaitingRing, type WaitingRing } from './waiting-ring';

export type BuyStream = ClientDuplexStream<BuyBatch, BuyBatchReply__Output>;
/** What came of a purchase, and the version that was asked, if any was. */
export type Answer = (answer: BuyReply__Output | AppError, version?: string) => void;

export interface Waiting {
  answer: Answer;
  /** Milliseconds of Date.now(). */
  since: number;
  /** Of the clock by which they are given up. */
  until: number;
  /** It came with an Idempotency-Key: who asks again finds out what became of it. */
  hasKey: boolean;
}

/** One instance of seckill-service as it was listed, and the purchases that wait for it. One that is listed otherwise has another line. */
export interface Line {
  readonly instance: Instance;
  readonly measure: BatchMeasure;
  stream: BuyStream | undefined;
  /** While a stream is on its way. */
  opening: Promise<void> | undefined;
  waiting: WaitingRing<Waiting>;
  outgoing: BuyRequest[];
  reopenAt: number;
  sentAt: number;
  /** Failures in a row, while in use. */
  failures: number;
  /** In a row, without a good answer in between; 0: in use. */
  timesAside: number;
  /** When it was last put aside or came back: failures of what was sent before tell nothing of now. */
  turnedAt: number;
  probeFrom: number;
  probe: Waiting | undefined;
}

export const newLine = (instance: Instance, measure: BatchMeasure): Line => ({
  instance,
  measure,
  stream: undefined,
  opening: undefined,
  waiting: createWaitingRing(),
  outgoing: [],
  reopenAt: 0,
  sentAt: 0,
  failures: 0,
  timesAside: 0,
  turnedAt: 0,
  probeFrom: 0,
  probe: undefined,
});

/** Whether an instance is still what its line was made for: where it is, and which version. */
export const isSameInstance = (one: Instance, other: Instance | undefined): boolean =>
  one.version === other?.version &&
  one.canary === other.canary &&
  one.address === other.address &&
  one.grpcPort === other.grpcPort;

const failuresToPutAside = 3;
const firstAsideMs = 1_000;
const longestAsideMs = 30_000;

/**
 * The open line on which the fewest wait. Lines that are put aside come last, but for one purchase at a time that finds out whether they are
 * well again: where all are aside, all are in.
 */
export function leastWaiting(
  lines: Iterable<Line>,
  allowed: (instance: Instance) => boolean,
): Line | undefined {
  let best: Line | undefined;
  let bestAside: Line | undefined;
  for (const line of lines) {
    if (!line.stream || !allowed(line.instance)) continue;
    if (line.timesAside > 0 && !mayProbe(line)) bestAside = lessWaiting(line, bestAside);
    else best = lessWaiting(line, best);
  }
  return best ?? bestAside;
}

const lessWaiting = (line: Line, best: Line | undefined): Line =>
  best && best.waiting.size <= line.waiting.size ? best : line;

const mayProbe = ({ probe, probeFrom }: Line): boolean => !probe && Date.now() >= probeFrom;

export function markProbe(line: Line, waiting: Waiting): void {
  if (line.timesAside > 0 && mayProbe(line)) line.probe = waiting;
}

/**
 * The rule of chassis' balancer: three failures in a row put a line aside for 1 s, doubling to 30 s with each probe that fails; a good answer to
 * what was sent since brings it back. True where it is put aside and nothing had changed for a while: that is worth a line in the log.
 */
export function judge(line: Line, waiting: Waiting, isGood: boolean): boolean {
  const wasProbe = line.probe === waiting;
  if (wasProbe) line.probe = undefined;
  if (waiting.since < line.turnedAt) return false;
  if (isGood) {
    line.failures = 0;
    if (line.timesAside > 0) turn(line, 0);
    return false;
  }
  line.failures += 1;
  if (line.timesAside > 0 ? !wasProbe : line.failures < failuresToPutAside) return false;
  const now = Date.now();
  const isNews = now - line.turnedAt >= firstAsideMs;
  line.probeFrom = now + Math.min(firstAsideMs * 2 ** line.timesAside, longestAsideMs);
  turn(line, line.timesAside + 1);
  return isNews;
}

function turn(line: Line, timesAside: number): void {
  line.timesAside = timesAside;
  line.turnedAt = Date.now();
  line.failures = 0;
  line.probe = undefined;
}
