import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../deploy/local/paths';
import { gatewayReport } from './gateway/report';
import { resultSchema, type BenchResult } from './results';

export const capacityPage = path.join(root, 'docs', 'capacity.md');
export const resultsFolder = path.join(root, 'bench', 'results');

const emptyPage = `# Capacity

What the benchmarks measured. \`npm run bench\` writes this page from the results in \`bench/results\`, which have every figure; text outside the
marked parts is kept.
`;

const opening = (name: string) => `<!-- bench: ${name} -->`;
const closing = (name: string) => `<!-- /bench: ${name} -->`;

/** The benchmarks that have a part in the page. */
const reports: Record<string, (result: BenchResult) => string> = { gateway: gatewayReport };

/** The part of a benchmark; undefined where the page has none. */
export function partOf(page: string, name: string): string | undefined {
  const from = page.indexOf(opening(name));
  const to = page.indexOf(closing(name));
  return from < 0 || to < from ? undefined : page.slice(from + opening(name).length, to).trim() + '\n';
}

/** The page with this part in place of the old one, or at its end. */
export function withPart(page: string, name: string, part: string): string {
  const whole = `${opening(name)}\n\n${part.trim()}\n\n${closing(name)}`;
  const from = page.indexOf(opening(name));
  const to = page.indexOf(closing(name));
  if (from < 0 || to < from) return `${page.trimEnd()}\n\n${whole}\n`;
  return page.slice(0, from) + whole + page.slice(to + closing(name).length);
}

/** Nobody has measured yet. */
export class NoResultError extends Error {}

/** Brings docs/capacity.md up to date with the committed results; returns its path. Throws a NoResultError where there are none, and writes nothing. */
export function writeCapacityPage(file = capacityPage, folder = resultsFolder): string {
  const resultOf = (name: string) => path.join(folder, `${name}.json`);
  const measured = Object.entries(reports).filter(([name]) => existsSync(resultOf(name)));
  if (measured.length === 0)
    throw new NoResultError(`no result to write about in ${folder}; npm run bench -- gateway measures one`);
  let page = existsSync(file) ? readFileSync(file, 'utf8') : emptyPage;
  for (const [name, report] of measured) {
    const result = resultSchema.parse(JSON.parse(readFileSync(resultOf(name), 'utf8')));
    page = withPart(page, name, report(result));
  }
  writeFileSync(file, page);
  return file;
}
