import { createApi } from '@onrush/e2e/api';
import { logIn } from '@onrush/e2e/buyers';
import type { FleetAddress } from '@onrush/e2e/environment';
import type { Address } from '../connection';
import { say, step } from '../stage';
import * as follow from './follow';
import type { RehearsalOptions } from './program';
import { checksOf, isGo, summaryOf, tableOf, writeReport, type Findings } from './report';
import { greedyOf, rush } from './rush';
import { close, gather, plan, read, stockOf, type Planned, type Rehearsal } from './stage';

/** Plays a whole sale on the fleet, and says GO (true) or NO-GO. */
export async function rehearse(fleet: FleetAddress, options: RehearsalOptions): Promise<boolean> {
  const api = createApi(fleet.gatewayUrl, 64);
  try {
    const at = addressOf(fleet.gatewayUrl);
    const adminToken = await logIn(api, fleet.admin.username, fleet.admin.password);
    const rehearsal: Rehearsal = { api, at, adminToken, secret: fleet.mockPaymentSecret, step };
    const beganAt = new Date();
    const planned = await step(`rehearsal of ${options.units} units, warmed up`, () =>
      plan(rehearsal, options),
    );
    say(`  activity ${planned.activityId}, product "${planned.product.name}" at ${fleet.gatewayUrl}`);
    const played = await play(rehearsal, planned, options).finally(() =>
      // What failed before is what has to be told.
      close(rehearsal, planned.activityId).catch((error: unknown) => say(`✘ not closed: ${String(error)}`)),
    );
    const isClosed = await isEnded(rehearsal, planned.activityId);
    const stockAfter = await stockOf(api, planned.product.id);
    return conclude({ ...planned, ...played, options, isClosed, stockAfter, beganAt, endedAt: new Date() });
  } finally {
    await api.close();
  }
}

/** The load generator speaks plain HTTP/1.1. */
function addressOf(gatewayUrl: string): Address {
  const { protocol, hostname: host, port } = new URL(gatewayUrl);
  if (protocol !== 'http:') throw new Error(`${gatewayUrl}: expected an address that begins with http://`);
  return { host, port: Number(port || 80) };
}

type Played = Omit<Findings, keyof Planned | 'options' | 'isClosed' | 'stockAfter' | 'beganAt' | 'endedAt'>;

async function play(
  rehearsal: Rehearsal,
  { activityId }: Planned,
  options: RehearsalOptions,
): Promise<Played> {
  const scene = { ...rehearsal, activityId };
  const { buyers: count, paymentSeconds, drainSeconds: drainLimit, repeatShare: share } = options;
  const buyers = await step(`${count} synthetic buyers open the page`, () =>
    gather(rehearsal, { count, activityId }),
  );
  const isHidden = await follow.isHidden(scene);
  const rushed = await step(`${count} buyers at ${options.rate} tries a second`, () =>
    rush(rehearsal, activityId, { buyers, options }),
  );
  const drainSeconds = await step('all accepted purchases become orders', () =>
    follow.drain(scene, drainLimit),
  );
  const tickets = await follow.ticketsOf(scene, buyers);
  const repeats = await follow.repeat(scene, tickets, { share, greedy: greedyOf(buyers, options) });
  const payments = await step(`${tickets.length} buyers pay, cancel, or wait`, () =>
    follow.settle(scene, tickets, options),
  );
  const ends = await step('every order comes to its end', () =>
    follow.ends(scene, tickets, (paymentSeconds + drainLimit) * 1_000),
  );
  const reconciliation = await step('the stock equation is counted', () =>
    follow.lastReconciliation(scene, { paid: ends.paid, limitMs: drainLimit * 1_000 }),
  );
  const messages = await follow.messagesTo(scene, buyers);
  return {
    rush: rushed,
    found: tickets.length,
    drainSeconds,
    repeats,
    payments,
    ends,
    reconciliation,
    messages,
    isHidden,
  };
}

async function isEnded({ api, adminToken: token }: Rehearsal, activityId: string): Promise<boolean> {
  const { status } = await read<{ status: string }>(
    api,
    `/api/v1/admin/seckill/activities/${activityId}`,
    token,
  );
  return status === 'ENDED';
}

function conclude(findings: Findings): boolean {
  const checks = checksOf(findings);
  const isFit = isGo(checks);
  say(`\n${summaryOf(findings)}\n${tableOf(checks)}`);
  if (findings.rush.statuses['429'])
    say(
      'Some tries were refused with 429: one address has the limits of one address (RATE_LIMITS of the gateway).',
    );
  for (const [why, count] of Object.entries(findings.payments.refused)) say(`${count} × ${why}`);
  say(`report: ${writeReport(findings, checks)}`);
  say(
    isFit
      ? 'GO'
      : `NO-GO: ${checks
          .filter(({ holds }) => !holds)
          .map(({ name }) => name)
          .join('; ')}`,
  );
  return isFit;
}
