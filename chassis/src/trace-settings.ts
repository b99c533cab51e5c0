import { randomBytes } from 'node:crypto';

/** How this process traces. Without any dependency, since it is asked on the way of every request, also where nothing is traced. */
export interface TraceSettings {
  /** The share of requests that are traced from their beginning on (head sampling). */
  ratio: number;
  /** What takes longer is kept whatever the ratio says (tail sampling), and so is what fails. */
  slowMs: number;
}

let settings: TraceSettings | undefined;

export const setTraceSettings = (chosen: TraceSettings | undefined): void => void (settings = chosen);

/** Drawn for each request, and not taken from its trace id: a client chooses that, and what is traced costs. */
export const isDrawn = (): boolean => settings !== undefined && Math.random() < settings.ratio;

/** Of the requests and messages that failed or took long, as many are kept each second: a crowd that is turned away must not become as many traces. */
const keptASecond = 100;
let second = 0;
let kept = 0;

/** Whether what was not drawn is kept all the same. Counts what it grants. */
export function isKept(ms: number, hasFailed: boolean): boolean {
  if (!settings || (!hasFailed && ms < settings.slowMs)) return false;
  const now = Math.floor(performance.now() / 1_000);
  if (now !== second) [second, kept] = [now, 0];
  kept += 1;
  return kept <= keptASecond;
}

const digitsAtOnce = 4_096;
let unused = '';

/** Of a trace (32 digits) or a span (16). Drawn by the hundred: one at a time costs as much as parsing a request. */
export function newId(digits: 16 | 32): string {
  if (unused.length < digits) unused = randomBytes(digitsAtOnce / 2).toString('hex');
  const id = unused.slice(0, digits);
  unused = unused.slice(digits);
  return id;
}
