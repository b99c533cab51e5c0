let waiting: (() => void)[] = [];

function flush(): void {
  const work = waiting;
  waiting = [];
  for (const [index, each] of work.entries()) {
    try {
      each();
    } catch (bug) {
      // It ends the process, as it would have anywhere; what waits behind it still gets its turn. That of one answer never comes here: `endWith`.
      waiting.push(...work.slice(index + 1));
      if (waiting.length > 0) setImmediate(flush);
      throw bug;
    }
  }
}

/**
 * Does it when all that has come in this turn of the event loop has been looked at. A write wakes whoever reads the other end, which costs more
 * than the write itself: those of one turn, together, wake it once. With 64 connections that halves what a kept answer costs.
 */
export function atEndOfTurn(work: () => void): void {
  if (waiting.push(work) === 1) setImmediate(flush);
}

let ending: Promise<void> | undefined;

/**
 * Resolves when all that has come in this turn of the event loop is read and parsed. Whoever asks again as soon as it has resolved comes after all
 * who waited for the same, still in this turn.
 */
export function endOfTurn(): Promise<void> {
  ending ??= new Promise((resolve) => {
    setImmediate(() => {
      resolve();
      // Behind those who waited.
      queueMicrotask(() => (ending = undefined));
    });
  });
  return ending;
}
