import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Table from 'cli-table3';
import type { Ends, Reconciliation } from './follow';
import type { RehearsalOptions } from './program';
import type { Rush } from './rush';
import type { Planned } from './stage';

/** All that was seen; the checks are made of it, and of nothing else. */
export interface Findings extends Planned {
  beganAt: Date;
  endedAt: Date;
  options: RehearsalOptions;
  rush: Rush;
  /** Purchases that the service knows, when it was drained. */
  found: number;
  drainSeconds: number | undefined;
  repeats: { repeated: number; changed: number };
  /** Refused: how often, by what was said. */
  payments: { paying: number; paid: number; refused: Record<string, number> };
  ends: Ends;
  reconciliation: Reconciliation;
  messages: number;
  isHidden: boolean;
  stockAfter: number;
  isClosed: boolean;
}

export interface Check {
  name: string;
  figure: number | string;
  wanted: string;
  holds: boolean;
}

export function checksOf(findings: Findings): Check[] {
  return [...salesChecks(findings), ...speedChecks(findings), ...isolationChecks(findings)];
}

/** Whether all of them hold. */
export const isGo = (checks: Check[]): boolean => checks.every(({ holds }) => holds);

const check = (name: string, figure: number | string, [wanted, holds]: [string, boolean]): Check => ({
  name,
  figure,
  wanted,
  holds,
});

function salesChecks({ options, rush, found, ends, repeats, payments, reconciliation }: Findings): Check[] {
  const { equation, differences, repairs } = reconciliation;
  const oversold = Math.max(0, rush.accepted - options.units, found - options.units);
  const wanted = Math.min(options.units, options.buyers);
  // What was accepted and could not be answered is found, too; what was answered must be.
  const lost = Math.max(0, rush.accepted - found);
  const { stock, ledger } = differences;
  const isCounted = reconciliation.status === 'BALANCED' && equation.ordered === ends.paid;
  return [
    check('sold', found, [`${wanted}`, found === wanted]),
    check('oversold', oversold, ['0', oversold === 0]),
    check('accepted, and lost', lost, ['0', lost === 0]),
    check('accepted, without exactly one order', ends.withoutOneOrder, ['0', ends.withoutOneOrder === 0]),
    check('orders without an end', ends.open, ['0', ends.open === 0]),
    check('payments taken, and orders paid', `${payments.paid} / ${ends.paid}`, [
      `${payments.paying} / ${payments.paying}`,
      payments.paid === payments.paying && ends.paid === payments.paying,
    ]),
    check(`other answers to ${repeats.repeated} repeated keys`, repeats.changed, [
      '0',
      repeats.changed === 0,
    ]),
    check('difference of the stock equation', `${stock ?? 'lost'} / ${ledger}`, ['0 / 0', isCounted]),
    check('repairs of the sale', repairs.length, ['0', repairs.length === 0]),
  ];
}

function speedChecks({ options, rush, drainSeconds }: Findings): Check[] {
  const errorShare = rush.failed / rush.tries;
  const { p99Ms, drainSeconds: limit } = options;
  return [
    check('p99 of a try, ms', round(rush.p99Ms), [`≤ ${p99Ms}`, rush.p99Ms <= p99Ms]),
    check('share of failed tries', round(errorShare, 4), [
      `≤ ${options.errors}`,
      errorShare <= options.errors,
    ]),
    check('all are orders after, s', drainSeconds === undefined ? 'never' : round(drainSeconds), [
      `≤ ${limit}`,
      drainSeconds !== undefined && drainSeconds <= limit,
    ]),
  ];
}

const isolationChecks = ({ isHidden, messages, product, stockAfter, isClosed }: Findings): Check[] => [
  check('hidden from real users', isHidden ? 'yes' : 'no', ['yes', isHidden]),
  check('messages written', messages, ['0', messages === 0]),
  check('stock of the product', stockAfter, [`${product.stock}`, stockAfter === product.stock]),
  check('closed at the end', isClosed ? 'yes' : 'no', ['yes', isClosed]),
];

const round = (value: number, digits = 1): number => Number(value.toFixed(digits));

export function tableOf(checks: Check[]): string {
  const table = new Table({
    head: ['', 'check', 'found', 'wanted'],
    colAligns: ['left', 'left', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  table.push(...checks.map(({ holds, name, figure, wanted }) => [holds ? '✔' : '✘', name, figure, wanted]));
  return table.toString();
}

/** One line of what the rush was like. */
export const summaryOf = ({ rush }: Findings): string => {
  const statuses = Object.entries(rush.statuses).map(([status, count]) => `${status}: ${count}`);
  return `${rush.tries} tries, ${Math.round(rush.perSecond)}/s, p50 ${round(rush.p50Ms)} ms, p99 ${round(rush.p99Ms)} ms; ${statuses.join(', ')}`;
};

/** Writes `.local/rehearsal/<activity>.json` below the working directory, and returns its path. */
export function writeReport(
  findings: Findings,
  checks: Check[],
  folder = path.join('.local', 'rehearsal'),
): string {
  const file = path.resolve(folder, `${findings.activityId}.json`);
  mkdirSync(folder, { recursive: true });
  const report = { verdict: isGo(checks) ? 'GO' : 'NO-GO', checks, findings };
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return file;
}
