import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { collectDefaultMetrics, Histogram, type Registry } from 'prom-client';

const minimums = ['nodejs_eventloop_lag_min_seconds', 'process_start_time_seconds', 'process_max_fds'];

/**
 * What prom-client knows of a process. Of several workers it would average their delays, so that one that stands still is not seen, and add up their
 * limits.
 */
export function collectProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const metric of registry.getMetricsAsArray() as { name: string; aggregator?: string }[]) {
    if (metric.name.startsWith('nodejs_eventloop_lag')) metric.aggregator = 'max';
    if (minimums.includes(metric.name)) metric.aggregator = 'min';
  }
  collectGarbage(registry);
}

const kinds = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);
/** Node's own types do not know the detail. */
type Collection = PerformanceEntry & { detail: { kind: number } };

const name = 'nodejs_gc_duration_seconds';

/** Of the collections that Node tells together, those of one long turn of the loop, prom-client 15.1.3 counts the first alone. */
function collectGarbage(registry: Registry): void {
  registry.removeSingleMetric(name);
  const duration = new Histogram({
    name,
    help: 'Garbage collections by kind',
    labelNames: ['kind'],
    buckets: [0.001, 0.01, 0.1, 1, 2, 5],
    registers: [registry],
  });
  const observer = new PerformanceObserver((list) => {
    for (const { detail, duration: ms } of list.getEntries() as Collection[]) {
      const kind = kinds.get(detail.kind);
      if (kind) duration.observe({ kind }, ms / 1_000);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
}
