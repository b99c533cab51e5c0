import type { Balancer, Pick } from '@onrush/chassis/balancer';
import type { Instance } from '@onrush/chassis/discovery';
import type { AppError } from '@onrush/chassis/errors';
import { pickPreferred, type Preference } from '../canary/canary';
import { headerOf } from './answer-headers';
import type { CallOutcome, CircuitBreaker } from './circuit-breaker';
import type { DeadlineWheel, Expiring } from './deadline-wheel';
import { errors } from '../errors';
import type { Priority } from '../limits/concurrency-limit';
import type { RetryBudget } from './retry-budget';
import { atEndOfTurn } from '../turn';
import { Attempt, type AttemptOwner, type UpstreamAnswer } from './upstream-attempt';
import type { Lane, UpstreamPools } from './upstream-pools';
import type { VersionMeasures } from './version-measures';

export interface UpstreamCall {
  upstream: string;
  method: string;
  /** With the query. */
  path: string;
  /** Names and values in turn, without those of one connection only; the gateway's own are in it. */
  headers: string[];
  body: Buffer | null;
  /** For all attempts and the whole answer; for a stream, until its head. */
  timeoutMs: number;
  preference?: Preference;
  /** Of the route. */
  priority: Priority;
  /** May be carried out twice without a difference. */
  idempotent: boolean;
  /** Who waits for the answer: with it, the call ends. */
  client?: Client;
  /** The answer goes on for long, with pauses (server-sent events). */
  stream?: boolean;
}

/** Only one waits at a time, so a field does what an AbortSignal would do with an event and a listener. */
export interface Client {
  isGone: boolean;
  /** Told when it goes away. */
  waiter: { clientGone(): void } | undefined;
}

/** What the calls of one upstream share. */
export interface Upstream {
  name: string;
  balancer: Balancer;
  breaker: CircuitBreaker;
  budget: RetryBudget;
  pools: UpstreamPools;
  wheel: DeadlineWheel;
  instances(): Instance[];
  now(): number;
  /** From 0 to 1. */
  random(): number;
  slowClientMs: number;
  retried(): void;
  /** `status` is undefined when there was no answer. */
  measures: VersionMeasures;
  watch: AttemptWatch;
}

/** Is told of each attempt, and then how it ended: with the head of an answer, or without. */
export interface AttemptWatch {
  started(instance: Instance): void;
  observe(instance: Instance, outcome: 'ok' | 'failed' | 'abandoned', ms: number): void;
}

const maxAttempts = 3;

/** Rejects with an AppError: `upstreamFailed` (try again), `deadlineExceeded` (it may have been carried out), or what the body was refused with. */
export const forwardCall = (upstream: Upstream, call: UpstreamCall): Promise<UpstreamAnswer> =>
  new Promise((resolve, reject) => new Forwarding(upstream, call, resolve, reject).start());

/** From the call to the end of its answer. A class for the same reason as an attempt. */
class Forwarding implements AttemptOwner, Expiring {
  dueTick = 0;
  place = -1;
  #pass = 0;
  #deadlineAt = 0;
  #attempts = 0;
  #attempt: Attempt | undefined;
  #tried: string[] | undefined;
  #backoff: NodeJS.Timeout | undefined;
  #answered = false;
  readonly #lane: Lane;

  constructor(
    private readonly upstream: Upstream,
    private readonly call: UpstreamCall,
    private readonly resolve: (answer: UpstreamAnswer) => void,
    private readonly reject: (error: AppError) => void,
  ) {
    this.#lane = upstream.pools.laneOf(call.priority);
  }

  start(): void {
    const { call, upstream } = this;
    if (call.client?.isGone) return this.#fail(this.#failure('the client went away'), 'ignored');
    if (!(call.timeoutMs > 0)) return this.#fail(this.#overdue(), 'ignored');
    this.#pass = upstream.breaker.enter();
    if (this.#pass === 0) return this.#fail(this.#failure('circuit breaker open'), 'ignored');
    upstream.budget.deposit();
    this.#deadlineAt = upstream.wheel.now() + call.timeoutMs;
    upstream.wheel.add(this, call.timeoutMs);
    if (call.client) call.client.waiter = this;
    this.#send(false);
  }

  clientGone(): void {
    if (this.#answered) return this.#attempt?.abandon();
    const attempt = this.#attempt;
    if (attempt) {
      attempt.pick.done('abandoned');
      attempt.giveUp(new Error('the client went away'));
      this.#tell(attempt, 'abandoned');
    }
    this.#fail(this.#failure('the client went away'), 'ignored');
  }

  /** The deadline of the call or, later, the time that a slow client had. */
  expire(): void {
    if (this.#answered) return this.#attempt?.overdue();
    const attempt = this.#attempt;
    if (attempt) {
      attempt.pick.done('failed');
      attempt.giveUp(new Error('deadline exceeded'));
      this.#measure(attempt);
      this.#tell(attempt, 'failed');
    }
    this.#fail(this.#overdue(), 'failed');
  }

  headArrived(attempt: Attempt): void {
    this.#measure(attempt, attempt.status);
    this.#tell(attempt, outcomeOf(attempt));
    if (isLeaving(attempt) && this.#retry(attempt)) {
      attempt.pick.done('failed');
      return attempt.abandon();
    }
    const { call, upstream } = this;
    this.#answered = true;
    upstream.breaker.leave(this.#pass, outcomeOf(attempt));
    if (call.stream) upstream.wheel.remove(this);
    this.resolve(attempt);
  }

  failedBeforeHead(attempt: Attempt, error: Error): void {
    this.#attempt = undefined;
    if (isRefusedByClient(error)) {
      attempt.pick.done('abandoned');
      this.#tell(attempt, 'abandoned');
      return this.#fail(errors.internal({ cause: error }), 'ignored');
    }
    attempt.pick.done(attempt.wasSent ? 'failed' : 'unreachable');
    this.#measure(attempt);
    this.#tell(attempt, 'failed');
    const mayRepeat = !attempt.wasSent || isReset(error);
    if (mayRepeat && this.#retry(attempt)) return;
    this.#fail(attempt.wasSent ? this.brokenOff(error) : this.#failure('unreachable', error), 'failed');
  }

  /** Whoever hears 503 tries again: not so when it may have been carried out. */
  brokenOff(cause?: Error): AppError {
    return this.call.idempotent ? this.#failure('broke off', cause) : this.#overdue(cause);
  }

  ended(attempt: Attempt, outcome: 'ok' | 'failed' | 'abandoned'): void {
    // That of an answer that was thrown away.
    if (attempt !== this.#attempt) return;
    if (outcome === 'ok') attempt.pick.done(outcomeOf(attempt));
    else attempt.pick.done(outcome === 'failed' ? 'failed' : 'abandoned');
    this.#letGo();
  }

  clientStalls(): void {
    this.upstream.wheel.add(this, this.upstream.slowClientMs);
  }

  clientTakes(): void {
    if (this.call.stream) this.upstream.wheel.remove(this);
    else this.upstream.wheel.add(this, this.call.timeoutMs);
  }

  clientLeft(): void {
    this.upstream.wheel.remove(this);
  }

  /** `again`: where no other instance is left, one that was tried already may be asked. */
  #send(again: boolean): void {
    const { call, upstream } = this;
    const pick = this.#pick(again);
    if (!pick) return this.#fail(this.#failure('no instance'), 'ignored');
    this.#attempts += 1;
    const now = upstream.now();
    const leftMs = Math.max(Math.round(this.#deadlineAt - upstream.wheel.now()), 1);
    const connections = this.#lane.poolOf(pick.instance);
    upstream.watch.started(pick.instance);
    this.#attempt = new Attempt(this, pick, connections, now);
    const request = {
      method: call.method,
      path: call.path,
      headers: [...call.headers, 'x-deadline-ms', String(leftMs)],
      body: call.body,
    };
    const attempt = this.#attempt;
    atEndOfTurn(() => connections.pool.dispatch(request, attempt));
  }

  #pick(again: boolean): Pick | undefined {
    const { balancer } = this.upstream;
    const lane = this.#lane;
    const isLeft = (instance: Instance) => lane.hasRoom(instance) && !this.#tried?.includes(instance.id);
    const pick = pickPreferred(this.call.preference ?? [], (accepts) =>
      balancer.pick((instance) => accepts(instance) && isLeft(instance)),
    );
    return pick ?? (again ? balancer.pick(lane.hasRoom) : undefined);
  }

  /** True when another attempt will be made. The budget comes last: it is spent by asking. */
  #retry(failed: Attempt): boolean {
    const { call, upstream } = this;
    if (this.#attempts >= maxAttempts || !upstream.breaker.isClosed()) return false;
    if (failed.wasSent && !call.idempotent) return false;
    const tried = (this.#tried ??= []);
    tried.push(failed.instance.id);
    // A broken connection does not mean a broken instance.
    const again = failed.wasSent && failed.status === 0;
    if (!again && !upstream.instances().some(({ id }) => !tried.includes(id))) return false;
    const isFirstFailover = !failed.wasSent && this.#attempts === 1;
    const delayMs = isFirstFailover ? 0 : 10 + upstream.random() * 90;
    if (upstream.wheel.now() + delayMs >= this.#deadlineAt || !upstream.budget.tryWithdraw()) return false;
    upstream.retried();
    this.#attempt = undefined;
    if (isFirstFailover) this.#send(again);
    else this.#backoff = setTimeout(() => this.#send(again), delayMs);
    return true;
  }

  #measure(attempt: Attempt, status?: number): void {
    const { measures, now } = this.upstream;
    const { version } = attempt.instance;
    measures.took(version, (now() - attempt.startedAt) / 1_000);
    measures.count(version, status);
  }

  #tell({ instance, startedAt }: Attempt, outcome: 'ok' | 'failed' | 'abandoned'): void {
    this.upstream.watch.observe(instance, outcome, this.upstream.now() - startedAt);
  }

  #failure(why: string, cause?: Error): AppError {
    const { name, breaker } = this.upstream;
    const retryAfterSeconds = Math.max(Math.ceil(breaker.reopensInMs() / 1_000), 1);
    return errors.upstreamFailed({ meta: { upstream: name, why }, retryAfterSeconds, cause });
  }

  #overdue(cause?: Error): AppError {
    return errors.deadlineExceeded({ meta: { upstream: this.upstream.name }, cause });
  }

  #fail(error: AppError, outcome: CallOutcome): void {
    this.upstream.breaker.leave(this.#pass, outcome);
    this.#letGo();
    this.reject(error);
  }

  #letGo(): void {
    this.upstream.wheel.remove(this);
    clearTimeout(this.#backoff);
    if (this.call.client?.waiter === this) this.call.client.waiter = undefined;
  }
}

/** A service that says itself when to come again is well. 500 counts: one request's bug looks the same as that of all. */
function outcomeOf({ status, headers }: UpstreamAnswer): 'ok' | 'failed' {
  if (status < 500 || status === 501) return 'ok';
  return status === 503 && headerOf(headers, 'retry-after') !== undefined ? 'ok' : 'failed';
}

/** An instance that goes answers so for what it did not do. */
const isLeaving = (answer: UpstreamAnswer): boolean =>
  answer.status === 502 || (answer.status === 503 && outcomeOf(answer) === 'failed');

const codeOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? '';

const isReset = (error: Error): boolean =>
  ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'UND_ERR_DESTROYED', 'UND_ERR_CLOSED'].includes(codeOf(error));

/** The HTTP client does not send such a request: a bug of ours, not of the upstream. */
const isRefusedByClient = (error: Error): boolean =>
  ['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'].includes(
    codeOf(error),
  );
