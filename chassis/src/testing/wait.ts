import { setTimeout as wait } from 'node:timers/promises';

/** The first result of `check` that is neither an exception, nor false, nor undefined; the last exception when time is up. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 10_000, everyMs = 20 } = {},
): Promise<Exclude<T, false | undefined>> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    let failure: unknown;
    try {
      const result = await check();
      if (result !== false && result !== undefined) return result as Exclude<T, false | undefined>;
    } catch (error) {
      failure = error;
    }
    if (Date.now() > until)
      throw new Error(`not true within ${timeoutMs} ms: ${check.toString()}`, { cause: failure });
    await wait(everyMs);
  }
}
