import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';

const spread = z.object({ median: z.number(), min: z.number(), max: z.number() });

/** The form of every result in bench/results. */
export const resultSchema = z.strictObject({
  name: z.string(),
  /** The commit that was measured; `-dirty` when the working tree had changes. */
  commit: z.string(),
  measured_at: z.iso.datetime(),
  machine: z.strictObject({ cpu: z.string(), cores: z.int(), memory_gib: z.number(), os: z.string() }),
  versions: z.record(z.string(), z.string()),
  rounds: z.int(),
  metrics: z.record(z.string(), z.union([z.number(), spread])),
  /** What a reader has to know to judge the figures, and to get them again. */
  conditions: z.array(z.string()),
});
export type BenchResult = z.output<typeof resultSchema>;

export const machine = (): BenchResult['machine'] => ({
  cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
  cores: os.cpus().length,
  memory_gib: Math.round(os.totalmem() / 2 ** 30),
  os: `${os.type()} ${os.release()}`,
});

function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  try {
    return (
      git('rev-parse', '--short', 'HEAD') +
      (git('status', '--porcelain', '--untracked-files=no') ? '-dirty' : '')
    );
  } catch {
    return 'unknown';
  }
}

/** Measured now, of this commit, on this machine. */
export const newResult = ({
  name,
  ...measured
}: Omit<BenchResult, 'commit' | 'measured_at' | 'machine'>): BenchResult => ({
  name,
  commit: commit(),
  measured_at: new Date().toISOString(),
  machine: machine(),
  ...measured,
});

/** Writes `bench/results/<name>.json`, and returns its path. */
export function writeResult(result: BenchResult, folder = path.join(__dirname, '..', 'results')): string {
  const file = path.join(folder, `${result.name}.json`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(resultSchema.parse(result), null, 2)}\n`);
  return file;
}
