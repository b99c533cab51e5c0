import Table from 'cli-table3';
import type { SaleFacts } from '../checks/facts';
import { unitsHeld, type Verdict } from '../checks/invariants';
import { percentile } from '../parallel';
import type { SaleHistory } from '../sale-client';

export interface Outcome {
  facts: SaleFacts;
  verdicts: Verdict[];
  history: SaleHistory;
  rushSeconds: number;
  rushAccepted: number;
  resold: number;
}

/** The table at the end of the demo sale. Tries, refusals and latencies are the clients'; all else is counted on the servers. */
export function reportOf({ facts, verdicts, history, rushSeconds, rushAccepted, resold }: Outcome): string {
  const orders = (status: string) => facts.orders.filter((order) => order.status === status);
  const cancelled = orders('CANCELLED');
  const because = (reason: string) => cancelled.filter((order) => order.cancelReason === reason).length;
  const holds = (id: Verdict['id']) => verdicts.find((verdict) => verdict.id === id);
  const oversold = Math.max(0, unitsHeld(facts) - facts.total);
  const lost = Number(holds('I3')?.facts['lost']);
  const duplicates = Number(holds('I11')?.facts['duplicates']) + history.changedAnswers;

  const table = new Table({
    head: ['', 'count'],
    colAligns: ['left', 'right'],
    style: { head: [], border: [], compact: true },
  });
  table.push(
    ['tries', history.tries],
    ['accepted', facts.reservations.length + facts.inStream],
    ...[...history.refused].map(([reason, count]): [string, number] => [`refused: ${reason}`, count]),
    ['orders', facts.orders.length],
    ['paid', orders('PAID').length],
    ['expired', because('timeout')],
    ['cancelled by the buyer', because('by-user')],
    ['returned to the sale', facts.reservations.filter(({ status }) => status === 'RELEASED').length],
    ['resold', resold],
    ['oversold', oversold],
    ['lost', lost],
    ['duplicates', duplicates],
    ['journal of stock', stockEquation(facts)],
    [
      'p50 / p99 of a try',
      `${percentile(history.latencies, 0.5).toFixed(0)} / ${percentile(history.latencies, 0.99).toFixed(0)} ms`,
    ],
    ['purchases/s in the rush', Math.round(rushAccepted / rushSeconds)],
  );
  return table.toString();
}

const stockEquation = (facts: SaleFacts): string =>
  `${facts.total} = ${facts.free} free + ${facts.inStream} in stream + ${facts.sold} sold or held`;

export const verdictsOf = (verdicts: Verdict[]): string =>
  verdicts
    .map(
      ({ id, rule, holds, facts }) =>
        `${holds ? '✔' : '✘'} ${id.padEnd(3)} ${rule}${holds ? '' : `  ${JSON.stringify(facts)}`}`,
    )
    .join('\n');
