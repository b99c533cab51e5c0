import type { Instance } from './discovery';

type Listener = (instances: Instance[]) => void;

/** What is known of the instances of one service, from whatever registry; sorted by id. */
export interface InstanceList {
  /** The last list that was believed. */
  instances(): Instance[];
  /** What the registry says now. An empty answer is believed when it has been the only one for a while. */
  learn(instances: Instance[]): void;
  /** The registry does not answer: an empty answer before that is not confirmed, so it is not believed. */
  keep(): void;
  /** Resolves when at least one instance is known; throws after the limit. */
  waitFor(limitMs: number): Promise<void>;
  /** Called with the new list when it has changed, and once at once if it is known. Returns how to stop. */
  onChange(listener: Listener): () => void;
  stop(): void;
}

/** A registry answers an empty list while it restarts; a service that is really gone stays empty longer than this. */
const believedAfterMs = 10_000;

/** `where` is told in the error of `waitFor`. */
export function createInstanceList(options: {
  service: string;
  where: string;
  emptyBelievedAfterMs?: number;
}): InstanceList {
  const { service, where, emptyBelievedAfterMs = believedAfterMs } = options;
  const listeners = new Set<Listener>();
  let current: Instance[] = [];
  let emptyTimer: NodeJS.Timeout | undefined;

  function keep(): void {
    clearTimeout(emptyTimer);
    emptyTimer = undefined;
  }

  function publish(instances: Instance[]): void {
    keep();
    const next = instances.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    if (JSON.stringify(next) === JSON.stringify(current)) return;
    current = next;
    for (const listener of listeners) listener(next);
  }

  return {
    instances: () => current,
    learn(instances) {
      if (instances.length > 0 || current.length === 0) publish(instances);
      else emptyTimer ??= setTimeout(publish, emptyBelievedAfterMs, []).unref();
    },
    keep,
    waitFor(limitMs) {
      if (current.length > 0) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const arrived = (instances: Instance[]) => {
          if (instances.length === 0) return;
          clearTimeout(limit);
          listeners.delete(arrived);
          resolve();
        };
        const limit = setTimeout(() => {
          listeners.delete(arrived);
          reject(new Error(`no instance of ${service} in ${where} after ${limitMs} ms`));
        }, limitMs);
        listeners.add(arrived);
      });
    },
    onChange(listener) {
      listeners.add(listener);
      if (current.length > 0) listener(current);
      return () => listeners.delete(listener);
    },
    stop: keep,
  };
}
