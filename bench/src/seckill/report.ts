import Table from 'cli-table3';
import type { BenchResult } from '../results';
import { targets, type Target } from './targets';

type Metrics = BenchResult['metrics'];

/** The figures of a result as tables; parts that were not measured are left out. */
export const seckillReport = ({ metrics }: BenchResult): string =>
  [targetsTable(metrics, ''), targetsTable(metrics, 'sustained_'), otherTable(metrics)]
    .filter(Boolean)
    .join('\n');

const cellOf = (value: Metrics[string] | undefined): string => {
  if (value === undefined) return '';
  return typeof value === 'number'
    ? text(value)
    : `${text(value.median)} (${text(value.min)} … ${text(value.max)})`;
};

const text = (value: number): string => String(Math.round(value * 100) / 100);

/** The figures whose names begin so, a column for each target. */
function targetsTable(metrics: Metrics, beginning: string): string {
  const own = (target: Target | undefined) => `${beginning}${target}_`;
  const first = own(targets[0]);
  const names = Object.keys(metrics).flatMap((name) =>
    name.startsWith(first) && !name.startsWith(`${first}to_`) ? [name.slice(first.length)] : [],
  );
  if (names.length === 0) return '';
  const table = new Table({
    head: [beginning.replace('_', ''), ...targets],
    colAligns: ['left', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const name of names)
    table.push([name.replaceAll('_', ' '), ...targets.map((target) => cellOf(metrics[own(target) + name]))]);
  return table.toString();
}

const others = /^(sell_out|refused|overload)_/;

function otherTable(metrics: Metrics): string {
  const rows = Object.entries(metrics).filter(([name]) => others.test(name));
  if (rows.length === 0) return '';
  const table = new Table({ colAligns: ['left', 'right'], style: { head: [], border: [], compact: true } });
  for (const [name, value] of rows) table.push([name.replaceAll('_', ' '), cellOf(value)]);
  return table.toString();
}
