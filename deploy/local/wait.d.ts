/** Tries until it succeeds, until `isAlive` says no, or until a try that began after `limitMs` fails. */
export function waitUntil(
  attempt: () => Promise<boolean>,
  options: { limitMs: number; isAlive?: () => boolean },
): Promise<'succeeded' | 'ended' | 'late'>;
/** Whether that page answers with a 2xx. */
export function isThere(url: string): Promise<boolean>;
