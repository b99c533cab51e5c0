import type { Metrics } from '@onrush/chassis/metrics';

/** Attempts at the instances of one upstream, by the version that was asked: what shows a canary beside the others. */
export interface VersionMeasures {
  /** `status` is undefined where there was no answer; `times`: so many attempts that ended alike. */
  count(version: string, status: number | undefined, times?: number): void;
  took(version: string, seconds: number): void;
}

/** Whoever registers an instance says its version: there are so many series of an upstream and no more, whatever they say. */
const mostVersions = 20;
export const otherVersion = 'OTHER';

/** Labels are resolved once for each version and code: that costs more than the count. */
export function createVersionMeasures(metrics: Metrics): (upstream: string) => VersionMeasures {
  const attempts = metrics.counter('gateway_upstream_answers_total', 'Attempts, by what was answered', [
    'upstream',
    'version',
    'code',
  ]);
  const duration = metrics.histogram(
    'gateway_upstream_duration_seconds',
    'Attempts, until the head of the answer or the failure',
    ['upstream', 'version'],
  );
  return (upstream) => {
    const nameOf = createVersionNames();
    const series = resolvedOnce((label: string) => ({
      duration: duration.labels({ upstream, version: label }),
      codes: resolvedOnce((status: number | undefined) =>
        attempts.labels({ upstream, version: label, code: status === undefined ? 'none' : String(status) }),
      ),
    }));
    return {
      count: (version, status, times = 1) => series(nameOf(version)).codes(status).inc(times),
      took: (version, seconds) => series(nameOf(version)).duration.observe(seconds),
    };
  };
}

/** The first versions keep their names. */
export function createVersionNames(): (version: string) => string {
  const known = new Set<string>();
  return (version) => {
    if (known.has(version)) return version;
    if (known.size >= mostVersions) return otherVersion;
    known.add(version);
    return version;
  };
}

/** What ended together, gathered in plain numbers: of each purchase there is no series to find. */
export interface BatchMeasure {
  note(status: number | undefined, ms: number): void;
  flush(): void;
}

export function createBatchMeasure(measures: VersionMeasures, version: string): BatchMeasure {
  const counts = new Map<number | undefined, number>();
  let longestMs = 0;
  return {
    note(status, ms) {
      counts.set(status, (counts.get(status) ?? 0) + 1);
      if (ms > longestMs) longestMs = ms;
    },
    flush() {
      if (counts.size === 0) return;
      for (const [status, times] of counts) measures.count(version, status, times);
      measures.took(version, longestMs / 1_000);
      counts.clear();
      longestMs = 0;
    },
  };
}

function resolvedOnce<K, V>(resolve: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined) known.set(key, (value = resolve(key)));
    return value;
  };
}
