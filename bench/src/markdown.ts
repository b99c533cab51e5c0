import type { BenchResult } from './results';

/** A table as Prettier would leave it: columns of one width, all but the first to the right. */
export function tableOf(head: string[], rows: string[][]): string {
  const widths = head.map((_cell, column) =>
    Math.max(3, ...[head, ...rows].map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  const padded = (row: string[]) =>
    line(
      widths.map((width, column) =>
        column === 0 ? (row[0] ?? '').padEnd(width) : (row[column] ?? '').padStart(width),
      ),
    );
  const rule = line(
    widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)),
  );
  return [padded(head), rule, ...rows.map(padded)].join('\n');
}

/** `1,234.5 (1,200.0 … 1,300.0)`, of a plain number only the first; a dash where there is no such figure. */
export function figure({ metrics }: BenchResult, name: string, digits: number): string {
  const value = metrics[name];
  const text = (number: number) =>
    number.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (value === undefined) return '–';
  if (typeof value === 'number') return text(value);
  return `${text(value.median)} (${text(value.min)} … ${text(value.max)})`;
}

/** Commit, machine and versions, in a sentence. */
export function provenanceOf(result: BenchResult): string {
  const { cpu, cores, memory_gib, os } = result.machine;
  const versions = Object.entries(result.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `Commit ${result.commit}, ${result.measured_at.slice(0, 10)}, rounds: ${result.rounds}; each figure is a median (least … greatest).`,
    `Machine: ${cpu}, ${cores} cores, ${memory_gib} GiB, ${os}.`,
    `Versions: ${versions.join(', ')}.`,
  ].join('\n');
}
