import type { Discovery, Instance } from '@onrush/chassis/discovery';
import { isAppError, type AppError } from '@onrush/chassis/errors';
import type { GrpcClient } from '@onrush/chassis/grpc-client';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import type { seckillService } from '@onrush/proto';
import type { BuyBatchReply__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyBatchReply';
import type { BuyReply__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyReply';
import type { BuyRequest } from '@onrush/proto/gen/onrush/seckill/v1/BuyRequest';
import { pickPreferred, type Preference } from '../canary/canary';
import { errors } from '../errors';
import { endOfTurn } from '../turn';
import { createAwakeClock } from './awake-clock';
import {
  isSameInstance,
  judge,
  leastWaiting,
  markProbe,
  newLine,
  type Answer,
  type BuyStream,
  type Line,
  type Waiting,
} from './buy-line';
import type { AttemptWatch } from './upstream-call';
import { createBatchMeasure, createVersionMeasures, createVersionNames } from './version-measures';

export type Wanted = Omit<BuyRequest, 'callId'>;

export interface SubmitRules {
  preference: Preference;
  timeoutMs: number;
}

export interface BuyStreams extends Component {
  /**
   * Calls `answer` exactly once: later, or at once where there is nobody to ask. Purchases of the same turn of the loop leave as one message.
   */
  submit(request: Wanted, rules: SubmitRules, answer: Answer): void;
}

const reopenMs = 200;
const checkMs = 100;
const betweenMessagesMs = 2;

/**
 * One long-lived BuyStream to each instance of seckill-service. A broken stream fails all that wait on it. Whether they were decided is unknown:
 * who sent an Idempotency-Key is asked to try again, which finds out without buying twice; who did not is told that nobody knows.
 */
export function createBuyStreams(options: {
  client: GrpcClient<typeof seckillService>;
  discovery: Discovery;
  watch: AttemptWatch;
  logger: Logger;
  metrics: Metrics;
}): BuyStreams {
  const { client, discovery, logger } = options;
  const lines = new Map<string, Line>();
  /** Of instances that have left: what they still owe an answer. */
  const leaving = new Set<Line>();
  const batches = options.metrics.counter(
    'gateway_buy_batches_total',
    'Messages sent on the purchase streams',
  );
  const purchases = options.metrics.counter(
    'gateway_buy_requests_total',
    'Purchases sent on the purchase streams',
    ['version'],
  );
  const measures = createVersionMeasures(options.metrics)('seckill-service');
  const versionName = createVersionNames();
  const clock = createAwakeClock(() => performance.now());
  let timer: NodeJS.Timeout | undefined;
  let stopWatching = () => undefined as void;

  function open(line: Line): void {
    line.reopenAt = Date.now() + reopenMs;
    line.opening = connect(line)
      .catch((error: unknown) =>
        logger.warn('purchase stream not opened', { instance: line.instance.id, error }),
      )
      .finally(() => (line.opening = undefined));
  }

  async function connect(line: Line): Promise<void> {
    const stream = (await client.openStream('BuyStream', line.instance)) as BuyStream;
    stream.on('data', ({ replies }: BuyBatchReply__Output) => {
      for (const reply of replies) settle(line, line.waiting.take(reply.callId), checked(line, reply));
      line.measure.flush();
    });
    const broken = (error?: unknown) => {
      if (line.stream !== stream) return;
      line.stream = undefined;
      if (isListed(line))
        logger.warn('purchase stream broken', {
          instance: line.instance.id,
          waiting: line.waiting.size,
          error,
        });
      failAll(line);
    };
    stream.on('error', broken);
    stream.on('end', broken);
    // Meanwhile the instance may have left, or all may have stopped: nobody would ever end it.
    if (isListed(line)) line.stream = stream;
    else stream.cancel();
  }

  const isListed = (line: Line): boolean => lines.get(line.instance.id) === line;

  function settle(line: Line, waiting: Waiting | undefined, answer: BuyReply__Output | AppError): void {
    if (!waiting) return;
    const outcome = outcomeOf(answer);
    const ms = Date.now() - waiting.since;
    options.watch.observe(line.instance, outcome, ms);
    line.measure.note(answeredWith(answer), ms);
    if (judge(line, waiting, outcome === 'ok'))
      logger.warn('purchase stream put aside', { instance: line.instance.id, times: line.timesAside });
    waiting.answer(answer, line.instance.version);
  }

  /** A refusal without a status that HTTP has is a bug of the instance. */
  function checked(line: Line, reply: BuyReply__Output): BuyReply__Output | AppError {
    if (!reply.refusal || isStatus(statusOf(reply.refusal.code))) return reply;
    logger.error('malformed refusal of a purchase', { instance: line.instance.id, refusal: reply.refusal });
    return errors.internal();
  }

  function failAll(line: Line): void {
    const { outgoing, waiting } = line;
    line.outgoing = [];
    const again = errors.upstreamFailed({ retryAfterSeconds: 1 });
    // These were not even sent.
    for (const { callId } of outgoing) settle(line, waiting.take(Number(callId)), again);
    const unknown = errors.deadlineExceeded();
    for (let oldest = waiting.takeOldest(); oldest; oldest = waiting.takeOldest())
      settle(line, oldest, oldest.hasKey ? again : unknown);
  }

  function update(instances: Instance[]): void {
    const listed = new Map(instances.map((instance) => [instance.id, instance]));
    for (const [id, line] of lines) {
      if (isSameInstance(line.instance, listed.get(id))) continue;
      lines.delete(id);
      leaving.add(line);
      send(line);
    }
    for (const [id, instance] of listed)
      if (!lines.has(id)) lines.set(id, newLine(instance, createBatchMeasure(measures, instance.version)));
    check();
  }

  /** Opens what is closed, and gives up what has waited too long. */
  function check(): void {
    clock.tick();
    const now = Date.now();
    for (const line of lines.values()) {
      if (!line.stream && !line.opening && now >= line.reopenAt) open(line);
      giveUpLate(line);
    }
    for (const line of leaving) {
      giveUpLate(line);
      if (line.waiting.size > 0) continue;
      leaving.delete(line);
      line.stream?.cancel();
    }
  }

  function giveUpLate(line: Line): void {
    const { waiting } = line;
    // The oldest first: where it may still wait, all may.
    for (let oldest = waiting.oldest(); oldest && oldest.until <= clock.now(); oldest = waiting.oldest()) {
      const late = errors.deadlineExceeded(oldest.hasKey ? { retryAfterSeconds: 1 } : {});
      settle(line, waiting.takeOldest(), late);
    }
    // Also of those whose stream broke.
    line.measure.flush();
  }

  const pick = (allowed: (instance: Instance) => boolean) => leastWaiting(lines.values(), allowed);

  function send(line: Line): void {
    const requests = line.outgoing;
    line.outgoing = [];
    if (!line.stream || requests.length === 0) return;
    line.sentAt = performance.now();
    line.stream.write({ requests });
    batches.inc();
    purchases.inc({ version: versionName(line.instance.version) }, requests.length);
  }

  return {
    name: 'purchase streams',
    start: async () => {
      stopWatching = discovery.onChange('seckill-service', update);
      timer = setInterval(check, checkMs);
      // Who is ready can sell. It does not take long where an instance is away.
      await Promise.all([...lines.values()].flatMap(({ opening }) => opening ?? []));
    },
    stop: () => {
      stopWatching();
      clearInterval(timer);
      const all = [...lines.values(), ...leaving];
      lines.clear();
      leaving.clear();
      for (const line of all) {
        line.stream?.cancel();
        failAll(line);
      }
      return Promise.resolve();
    },
    submit(request, { preference, timeoutMs }, answer) {
      const line = pickPreferred(preference, pick);
      if (!line) return answer(errors.upstreamFailed({ retryAfterSeconds: 1 }));
      const hasKey = request.idempotencyKey !== undefined && request.idempotencyKey !== '';
      const waiting = { answer, since: Date.now(), until: clock.now() + timeoutMs, hasKey };
      const callId = line.waiting.add(waiting);
      markProbe(line, waiting);
      options.watch.started(line.instance);
      if (line.outgoing.push({ ...request, callId }) > 1) return;
      // A message costs as much as ten purchases in it: under load one leaves every two milliseconds, else at once.
      if (performance.now() - line.sentAt < betweenMessagesMs) setTimeout(send, betweenMessagesMs, line);
      else void endOfTurn().then(() => send(line));
    },
  };
}

/** A refusal is an answer; an internal error, a broken stream and a time-out are the instance's failures. */
function outcomeOf(answer: BuyReply__Output | AppError): 'ok' | 'failed' {
  if (isAppError(answer)) return 'failed';
  return answer.refusal && statusOf(answer.refusal.code) === 500 ? 'failed' : 'ok';
}

/** The status that its client gets; undefined where the instance gave no answer. */
function answeredWith(answer: BuyReply__Output | AppError): number | undefined {
  if (isAppError(answer)) return undefined;
  return answer.refusal ? statusOf(answer.refusal.code) : 202;
}

/** Of the six digits of a code, the first three. */
export const statusOf = (code: number): number => Math.floor(code / 1_000);

const isStatus = (status: number): boolean => status >= 400 && status <= 599;
