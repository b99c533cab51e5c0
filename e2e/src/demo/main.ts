import { createApi, type Api } from '../api';
import { openActivity } from '../activity';
import { logIn, logInSeeded, registerBuyers, seedBuyers, type Buyer } from '../buyers';
import { loadCatalogue, readCatalogue } from '../catalogue';
import { readFacts } from '../checks/facts';
import { judge } from '../checks/invariants';
import { waitUntilSettled } from '../checks/settled';
import { readEnvironment, type Environment } from '../environment';
import { newHistory } from '../sale-client';
import { createLiveLine } from './live-line';
import { reportOf, verdictsOf } from './report';
import { resell, rush, settle, type Sale } from './sale';

const tickets = 1_000;
const seededBuyers = 2_990;
const registeredBuyers = 10;
const paymentTimeoutSeconds = 12;

const say = (text: string) => console.log(text);

async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  say(`✔ ${name}  ${((performance.now() - began) / 1_000).toFixed(1)} s`);
  return result;
}

async function gatherBuyers(api: Api, { servers, namespace }: Environment): Promise<Buyer[]> {
  const seeded = await timed(
    `seeding ${seededBuyers} buyers (accounts and refresh tokens inserted in bulk)`,
    () => seedBuyers({ servers, namespace, count: seededBuyers, prefix: 'demo' }),
  );
  const loggedIn = await timed(`${seededBuyers} buyers exchange their refresh tokens`, () =>
    logInSeeded(api, seeded),
  );
  const registered = await timed(`${registeredBuyers} buyers register and log in with their password`, () =>
    registerBuyers(api, registeredBuyers),
  );
  return [...loggedIn, ...registered];
}

/** Resolves with the exit status: 0 when every invariant holds. */
async function main(): Promise<number> {
  const environment = readEnvironment();
  const { servers, namespace, admin, mockPaymentSecret: secret } = environment;
  const api = createApi(environment.gatewayUrl, 128);
  say('\ndemo sale: 1,000 tickets, 3,000 buyers, everything over HTTP through the gateway');
  const adminToken = await logIn(api, admin.username, admin.password);
  const events = readCatalogue();
  await timed(`catalogue of ${events.length} events`, () => loadCatalogue(api, adminToken, events));
  const buyers = await gatherBuyers(api, environment);
  const title = `Paper Lanterns, opening night (${new Date().toISOString()})`;
  const activity = await timed(`activity with ${tickets} tickets, warmed up`, () =>
    openActivity(api, adminToken, { title, total: tickets, perUserLimit: 1, paymentTimeoutSeconds }),
  );

  const sale: Sale = { api, activityId: activity.id, secret, history: newHistory() };
  const { history } = sale;
  const line = createLiveLine(
    () =>
      `  tries ${history.tries} · accepted ${history.accepted.length} · paid ${history.paidOrders.length}`,
  );
  const rushSeconds = await rush(sale, buyers);
  const winners = [...history.accepted];
  const hasWon = new Set(winners.map((ticket) => ticket.buyer.id));
  await settle(sale, winners);
  const emptyHanded = buyers.filter((buyer) => !hasWon.has(buyer.id));
  const resold = await resell(sale, emptyHanded, {
    total: tickets,
    limitMs: (paymentTimeoutSeconds + 20) * 1_000,
  });
  line.stop();

  const settled = await timed('waiting until nothing is on its way', () =>
    waitUntilSettled({ servers, namespace, activityId: activity.id, limitMs: 60_000 }),
  );
  const facts = await timed('counting on MySQL, Redis and Kafka', () =>
    readFacts({ servers, namespace, activityId: activity.id }),
  );
  const verdicts = judge(facts, { accepted: history.accepted, paidOrders: history.paidOrders });
  say(reportOf({ facts, verdicts, history, rushSeconds, rushAccepted: winners.length, resold }));
  say(verdictsOf(verdicts));
  if (!settled) say('✘ something was still on its way after 60 s');
  if (history.changedAnswers > 0) say(`✘ I10 ${history.changedAnswers} repeated keys got another answer`);
  await api.close();
  return settled && history.changedAnswers === 0 && verdicts.every((verdict) => verdict.holds) ? 0 : 1;
}

main().then(
  (status) => (process.exitCode = status),
  (error: unknown) => {
    console.error(`the demo sale failed: ${error instanceof Error ? error.stack : String(error)}`);
    process.exitCode = 1;
  },
);
