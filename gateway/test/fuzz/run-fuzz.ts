import { head, connectRaw, sendRaw, type RawAnswer, type RawConnection } from '../raw-socket';
import type { Fixture } from '../fixture';
import { bytesOf, cleanDraft, idIn, type Draft, type Identity } from './draft';
import { headerMutations } from './header-mutations';
import { messageMutations } from './message-mutations';
import { createRandom, type Random } from '../random';
import { watchUpstream } from './watch-upstream';

export interface FuzzReport {
  requests: number;
  /** How often each status was answered; `none` where the connection just ended. */
  statuses: Record<string, number>;
  passedUpstream: number;
  /** Empty where the gateway did all right; at most the first twenty. */
  failures: string[];
}

export interface FuzzOptions {
  seed: number;
  requests: number;
  users: Identity[];
  /** The only batch to send, for looking at a failure. */
  onlyBatch?: number;
}

const connectionsAtOnce = 96;
const batchLimit = 8;
const probeEvery = 200;
/** How long an answer may take that has to come; and one that may never come, since the request may not be whole. */
const answerMs = 8_000;
const openEndMs = 100;
const failureLimit = 20;

const mutations = { ...headerMutations, ...messageMutations };
const headerNames = Object.keys(headerMutations);
const messageNames = Object.keys(messageMutations);

/**
 * Sends batches of requests, most of them bent, over connections of their own, a few dozen at once: every other batch pipelined, the rest one by one. What has to hold: answer N is the
 * answer to request N; a clean request is answered with success as long as nothing before it ended the connection; upstream comes what was meant,
 * once, as the user whose token it was; and the gateway goes on serving others.
 */
export async function runFuzz(fixture: Fixture, options: FuzzOptions): Promise<FuzzReport> {
  const sent = new Map<number, Draft>();
  const oracle = watchUpstream(fixture, sent);
  const report: FuzzReport = { requests: 0, statuses: {}, passedUpstream: 0, failures: [] };
  const fail = (batch: number, why: string) =>
    report.failures.push(`seed ${options.seed}, batch ${batch}: ${why}`);
  const goesOn = () => report.failures.length + oracle.violations.length < failureLimit;
  let nextBatch = options.onlyBatch ?? 0;
  const lastBatch = options.onlyBatch ?? Number.POSITIVE_INFINITY;

  async function sendBatch(batch: number): Promise<void> {
    const drafts = makeBatch(batch, options);
    report.requests += drafts.length;
    for (const draft of drafts) sent.set(draft.id, draft);
    const connection = await connectRaw(fixture.port);
    const whole = drafts.map(bytesOf).join('');
    try {
      if (batch % 2 === 0) await sendAtOnce(drafts, connection);
      else await sendInTurn(drafts, connection);
      const [why] = [...judge(drafts, connection, report.statuses)];
      if (why) fail(batch, `${why}\n${JSON.stringify(whole)}`);
    } finally {
      connection.socket.destroy();
      for (const draft of drafts) sent.delete(draft.id);
    }
  }

  async function work(): Promise<void> {
    while (report.requests < options.requests && goesOn() && nextBatch <= lastBatch) {
      const batch = nextBatch;
      nextBatch += 1;
      await sendBatch(batch).catch((error: unknown) => fail(batch, String(error)));
      if (batch % probeEvery !== 0) continue;
      const probe = await sendRaw(fixture.port, head('GET /api/v1/products')).catch(String);
      if (typeof probe === 'string' || probe.status !== 200)
        fail(batch, `nobody else is served: ${JSON.stringify(probe)}`);
    }
  }

  await Promise.all(Array.from({ length: connectionsAtOnce }, work));
  report.passedUpstream = oracle.passed();
  report.failures = [...report.failures, ...oracle.violations].slice(0, failureLimit);
  return report;
}

async function sendAtOnce(drafts: Draft[], connection: RawConnection): Promise<void> {
  connection.send(drafts.map(bytesOf).join(''));
  await answersTo(drafts, connection);
}

/** Each when the one before is answered: whole requests in one piece are read otherwise than a stream of them. */
async function sendInTurn(drafts: Draft[], connection: RawConnection): Promise<void> {
  for (const [index, draft] of drafts.entries()) {
    connection.send(bytesOf(draft));
    await answersTo(drafts.slice(0, index + 1), connection);
  }
}

function makeBatch(batch: number, { seed, users }: FuzzOptions): Draft[] {
  const random = createRandom(seedOf(seed, batch));
  const drafts: Draft[] = [];
  for (let size = 1 + random.below(batchLimit); size > 0; size -= 1) {
    const draft = cleanDraft(batch * batchLimit + drafts.length, random, users);
    drafts.push(draft);
    if (random.chance(0.8)) bend(draft, random);
    if (draft.isLast) break;
  }
  return drafts;
}

/** The seed of one batch, so that it can be made again without those before it. */
const seedOf = (seed: number, batch: number): number =>
  Math.imul(seed ^ Math.imul(batch + 1, 0x9e3779b1), 0x85ebca6b) >>> 0;

/** One or two changes of headers, or one of the message, or both. The message comes last: it makes the bytes. */
function bend(draft: Draft, random: Random): void {
  const names = new Set<string>();
  if (random.chance(0.7))
    for (let count = 1 + random.below(2); count > 0; count -= 1) names.add(random.pick(headerNames));
  if (names.size === 0 || random.chance(0.15)) names.add(random.pick(messageNames));
  for (const name of names) mutations[name]?.(draft, random);
}

/** Resolves when there is an answer to each, when the connection is over, or when what may never come has not come. */
function answersTo(drafts: Draft[], connection: RawConnection): Promise<void> {
  const sure = drafts.filter((draft) => draft.isClean || !draft.isLast).length;
  return new Promise((resolve) => {
    let timer = setTimeout(done, answerMs);
    let isOpenEnd = false;
    function done(): void {
      clearTimeout(timer);
      resolve();
    }
    function look(): void {
      if (connection.answers.length >= drafts.length) return done();
      if (isOpenEnd || connection.answers.length < sure) return;
      isOpenEnd = true;
      clearTimeout(timer);
      timer = setTimeout(done, openEndMs);
    }
    connection.socket.on('data', look).once('close', done);
    look();
  });
}

function* judge(
  drafts: Draft[],
  { answers }: RawConnection,
  statuses: FuzzReport['statuses'],
): Generator<string> {
  const [extra, ...more] = answers.slice(drafts.length);
  // What stands behind a broken request may be refused on its own, once.
  const isRefusal = extra !== undefined && extra.status >= 400 && extra.headers['connection'] === 'close';
  if (more.length > 0 || (extra && !isRefusal))
    yield `${answers.length} answers to ${drafts.length} requests`;
  for (const [index, draft] of drafts.entries()) {
    const answer = answers[index];
    const status = answer ? String(answer.status) : 'none';
    statuses[status] = (statuses[status] ?? 0) + 1;
    const named = answer && numberOf(answer);
    if (named !== undefined && named !== draft.id)
      yield `answer ${index + 1} belongs to request ${named}, not ${draft.id}`;
    // On a machine that has no time, some are told to come back: what waits for Redis (503), and a purchase whose answer is late (504), which
    // the same Idempotency-Key finds again. How many may be, the test says.
    const isBusy =
      (answer?.status === 503 || answer?.status === 504) && answer.headers['retry-after'] !== undefined;
    if (answer && answer.status >= 500 && answer.status !== 505 && !isBusy)
      yield `request ${index + 1} was answered ${status}`;
    // Everything before the last of a batch leaves the connection as it was.
    if (draft.isClean && !isBusy && (!answer || answer.status >= 300))
      yield `clean request ${index + 1} was answered ${status}: ${answer?.body}`;
    if (!draft.isLast && !answer) yield `request ${index + 1} got no answer`;
  }
}

/** The request that an answer says it is for. */
function numberOf({ headers, body }: RawAnswer): number | undefined {
  const byId = idIn(headers['x-request-id'] ?? '');
  const echoed = /"(?:id":|order_no":")(\d+)/.exec(body)?.[1];
  if (byId !== undefined && echoed !== undefined && echoed !== '0' && Number(echoed) !== byId) return -1;
  return byId ?? (echoed === undefined || echoed === '0' ? undefined : Number(echoed));
}
