import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The metrics of one running service; one registry each, so that several apps can live in one test process. */
export interface Metrics {
  registry: Registry;
  /** `collect` is called before each scrape, to add what is cheaper to count apart. */
  counter<L extends string>(
    name: string,
    help: string,
    labels?: readonly L[],
    collect?: (counter: Counter<L>) => void,
  ): Counter<L>;
  /** `collect` is called before each scrape, to set what is cheaper to look up than to keep. */
  gauge<L extends string>(
    name: string,
    help: string,
    labels?: readonly L[],
    collect?: (gauge: Gauge<L>) => void,
  ): Gauge<L>;
  /** Seconds. Buckets fit answers between 1 ms and 10 s. */
  histogram<L extends string>(name: string, help: string, labels?: readonly L[]): Histogram<L>;
}

const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Asking for the same name twice returns the first one, so that two consumers can share a counter. */
export function createMetrics(options: { service: string; collectDefaults?: boolean }): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service: options.service });
  if (options.collectDefaults ?? false) collectDefaultMetrics({ register: registry });

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
    gauge: (name, help, labels, collect) =>
      once(name, () => new Gauge({ ...shape(name, help, labels), ...collectedBy(collect) })),
    histogram: (name, help, labels) =>
      once(name, () => new Histogram({ ...shape(name, help, labels), buckets })),
  };
}

/** prom-client hands the metric over as `this`. */
const collectedBy = <M>(collect: ((metric: M) => void) | undefined) =>
  collect && {
    collect(this: M) {
      collect(this);
    },
  };
