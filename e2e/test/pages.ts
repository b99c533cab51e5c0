import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(__dirname, '..', '..');
export const text = (...parts: string[]): string => readFileSync(path.join(root, ...parts), 'utf8');
export const sources = (service: string, pattern = 'src/**/*.ts'): string =>
  globSync(pattern, { cwd: path.join(root, service) })
    .sort()
    .map((file) => text(service, file))
    .join('\n');

/** The rows of every table of a page whose first cell looks like that, cells trimmed. */
export const rows = (page: string, first: RegExp): string[][] =>
  page
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
    .filter(([cell = '']) => first.test(cell));

/** What the first group of the pattern matches in the text: each once, sorted. */
export const found = (source: string, pattern: RegExp): string[] =>
  [...new Set([...source.matchAll(pattern)].map((match) => match[1] ?? ''))].sort();

/** `METHOD /path` of every route that docs/api.md lists, and who may call it. */
export const listedRoutes = (): { at: string; auth: string }[] =>
  rows(text('docs', 'api.md'), /^[A-Z]+$/).map(([method = '', at = '', auth = '']) => ({
    at: `${method} ${at}`,
    auth,
  }));

/** The gateway's own pages, as docs/api.md lists them: on the public port, and on the management port alone. */
export function listedPages(): { open: string[]; internal: string[] } {
  const [line = ''] = /^The gateway's own: .*$/m.exec(text('docs', 'api.md')) ?? [];
  const [open = '', internal = ''] = line.split(';');
  const pathsIn = (part: string) => found(part, /`(?:GET )?(\/[^`]*)`/g);
  return { open: pathsIn(open), internal: pathsIn(internal) };
}
