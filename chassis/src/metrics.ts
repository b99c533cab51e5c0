import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { collectProcess } from './process-metrics';

type Collect<M> = (metric: M) => void | Promise<void>;

/** How to read a gauge. It must not throw: one that does fails the whole scrape. */
export interface GaugeOptions<M> {
  /** Called before each scrape, to set what is cheaper to look up than to keep. What it waits for has a limit (reading.ts). */
  collect?: Collect<M>;
  /** Of several workers of one process; they add up unless said. What each of them says of the same thing does not. */
  ofWorkers?: 'max' | 'min';
}

/** The metrics of one running service; one registry each, so that several apps can live in one test process. docs/metrics.md lists them all. */
export interface Metrics {
  registry: Registry;
  /** `collect` is called before each scrape, to add what is cheaper to count apart. */
  counter<L extends string>(
    name: string,
    help: string,
    labels?: readonly L[],
    collect?: Collect<Counter<L>>,
  ): Counter<L>;
  gauge<L extends string>(
    name: string,
    help: string,
    labels?: readonly L[],
    options?: GaugeOptions<Gauge<L>>,
  ): Gauge<L>;
  /** Seconds. Buckets fit answers between 1 ms and 10 s unless said. */
  histogram<L extends string>(
    name: string,
    help: string,
    labels?: readonly L[],
    buckets?: readonly number[],
  ): Histogram<L>;
}

const answerBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** For what follows a purchase in its own time (20 s are promised), and may stand still for as long as a server is away. */
export const followUpBuckets = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60, 300, 1_800];

/** Asking for the same name twice returns the first one, so that two consumers can share a counter. */
export function createMetrics(options: { service: string; collectDefaults?: boolean }): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service: options.service });
  if (options.collectDefaults ?? false) collectProcess(registry);

  const once = <M>(name: string, make: () => M): M =>
    (registry.getSingleMetric(name) as M | undefined) ?? make();
  const shape = <L extends string>(name: string, help: string, labels: readonly L[] = []) => ({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
  });

  return {
    registry,
    counter: (name, help, labels, collect) =>
      once(name, () => new Counter({ ...shape(name, help, labels), ...collectedBy(collect) })),
    gauge: (name, help, labels, { collect, ofWorkers } = {}) =>
      once(
        name,
        () =>
          new Gauge({
            ...shape(name, help, labels),
            ...collectedBy(collect),
            ...(ofWorkers && { aggregator: ofWorkers }),
          }),
      ),
    histogram: (name, help, labels, buckets = answerBuckets) =>
      once(name, () => new Histogram({ ...shape(name, help, labels), buckets: [...buckets] })),
  };
}

/** prom-client hands the metric over as `this`. */
const collectedBy = <M>(collect: Collect<M> | undefined) =>
  collect && {
    collect(this: M) {
      return collect(this);
    },
  };
