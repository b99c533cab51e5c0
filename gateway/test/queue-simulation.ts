import { shed, type ConcurrencyLimit, type Priority } from '../src/limits/concurrency-limit';
import { createRandom } from './random';

/** A stretch of time with a number of servers and what is offered to them. */
export interface Phase {
  forMs: number;
  servers: number;
  crowdPerMs: number;
  winnersPerMs?: number;
}

export interface PhaseResult {
  /** Answers in time. */
  goodPerMs: number;
  shedCrowd: number;
  shedWinners: number;
  timedOut: number;
  limit: number;
}

interface Job {
  token: number;
  startedAt: number;
  endsAt: number;
  timedOut: boolean;
}

const meanServiceMs = 10;
const timeoutMs = 1_000;

/** An M/M/c queue behind the limit: clients give up after a second, the servers work for them nonetheless. */
export function simulate(limit: ConcurrencyLimit, clock: { ms: number }, phases: Phase[]): PhaseResult[] {
  const random = createRandom(7).next;
  const exponential = (mean: number) => -mean * Math.log(1 - random());
  const waiting: Job[] = [];
  const inService: Job[] = [];
  /** In order of arrival, so of their deadlines, too. */
  const admitted: Job[] = [];
  let servers = 0;
  let result = emptyResult();

  function serve(): void {
    while (inService.length < servers && waiting.length > 0) {
      const job = waiting.shift() as Job;
      job.endsAt = clock.ms + exponential(meanServiceMs);
      const index = inService.findIndex(({ endsAt }) => endsAt > job.endsAt);
      inService.splice(index === -1 ? inService.length : index, 0, job);
    }
  }

  function settleUntil(ms: number): void {
    for (;;) {
      while (admitted[0] && (admitted[0].timedOut || admitted[0].token === shed)) admitted.shift();
      const ends = inService[0]?.endsAt ?? Infinity;
      const expires = (admitted[0]?.startedAt ?? Infinity) + timeoutMs;
      if (Math.min(ends, expires) > ms) return;
      clock.ms = Math.min(ends, expires);
      if (expires < ends) expire(admitted.shift() as Job);
      else finish(inService.shift() as Job);
      serve();
    }
  }

  function expire(job: Job): void {
    job.timedOut = true;
    result.timedOut += 1;
    limit.release(job.token, 'dropped');
  }

  function finish(job: Job): void {
    if (job.timedOut) return;
    limit.release(job.token, 'ok');
    job.token = shed;
    result.goodPerMs += 1;
  }

  function arrive(priority: Priority): void {
    const token = limit.acquire(priority);
    if (token === shed) {
      if (priority === 'winner') result.shedWinners += 1;
      else result.shedCrowd += 1;
      return;
    }
    const job = { token, startedAt: clock.ms, endsAt: Infinity, timedOut: false };
    waiting.push(job);
    admitted.push(job);
    serve();
  }

  return phases.map((phase) => {
    const { forMs, crowdPerMs, winnersPerMs = 0 } = phase;
    const end = clock.ms + forMs;
    servers = phase.servers;
    result = emptyResult();
    for (let at = clock.ms; at < end; at += exponential(1 / (crowdPerMs + winnersPerMs))) {
      settleUntil(at);
      clock.ms = at;
      arrive(random() < winnersPerMs / (crowdPerMs + winnersPerMs) ? 'winner' : 'crowd');
    }
    settleUntil(end);
    clock.ms = end;
    return { ...result, goodPerMs: result.goodPerMs / forMs, limit: limit.limit() };
  });
}

const emptyResult = (): PhaseResult => ({
  goodPerMs: 0,
  shedCrowd: 0,
  shedWinners: 0,
  timedOut: 0,
  limit: 0,
});
