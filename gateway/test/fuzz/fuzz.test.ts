import { startFixture, type Fixture } from '../fixture';
import type { Identity } from './draft';
import { runFuzz } from './run-fuzz';

const requests = Number(process.env['FUZZ_REQUESTS'] ?? 100_000);
/** Always the same one, unless somebody asks for another: a build that fails fails again. */
const asked = process.env['FUZZ_SEED'] ?? '1';
const seed = asked === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(asked);
const onlyBatch = process.env['FUZZ_BATCH'];
const plenty = { without_redis: 'local' as const };
const rateLimits = {
  login: plenty,
  code: plenty,
  register: plenty,
  session: plenty,
  read: plenty,
  write: plenty,
  buy: plenty,
  callback: plenty,
};

let fixture: Fixture;
const users: Identity[] = Array.from({ length: 8 }, (_, index) => ({ id: String(9_000 + index), token: '' }));
/** A million requests take longer than a token lives. */
const renewalMs = 300_000;
let renewal: NodeJS.Timeout;
const logIn = async () => {
  for (const user of users) user.token = await fixture.accessToken({ sub: user.id });
};
const crashes: unknown[] = [];
const crashed = (error: unknown) => void crashes.push(error);
beforeAll(async () => {
  process.on('uncaughtException', crashed).on('unhandledRejection', crashed);
  fixture = await startFixture('fuzz', { rateLimits });
  await logIn();
  renewal = setInterval(() => void logIn(), renewalMs);
}, 60_000);
afterAll(async () => {
  clearInterval(renewal);
  process.off('uncaughtException', crashed).off('unhandledRejection', crashed);
  await fixture.stop();
});

test(
  `${requests} bent requests: no crash, no forged identity, no answer to another request`,
  async () => {
    const report = await runFuzz(fixture, {
      seed,
      requests,
      users,
      ...(onlyBatch && { onlyBatch: Number(onlyBatch) }),
    });

    // What it was, so that a failure can be had again: FUZZ_SEED, and FUZZ_BATCH for one batch alone.
    process.stderr.write(
      `fuzz: FUZZ_SEED=${seed} ${JSON.stringify({ ...report, failures: report.failures.length })}\n`,
    );
    expect(report.failures).toEqual([]);
    expect(crashes).toEqual([]);
    if (onlyBatch) return;
    // A gateway that refuses whatever it is sent breaks no rule: it has to let the good ones through, and to have time for nearly all.
    expect(report.passedUpstream).toBeGreaterThan(report.requests / 2);
    expect(report.statuses['503'] ?? 0).toBeLessThanOrEqual(report.requests / 100);
    expect(report.statuses['504'] ?? 0).toBeLessThanOrEqual(report.requests / 10_000);
  },
  60_000 + requests * 5,
);
