import type { Metrics } from '../metrics';

/** The value of the first series of a metric that has these labels, as a scrape would have it. */
export async function metricOf(
  { registry }: Metrics,
  name: string,
  labels: Record<string, string> = {},
): Promise<number | undefined> {
  const found = await registry.getSingleMetric(name)?.get();
  const values = found?.values as { labels: Record<string, unknown>; value: number }[] | undefined;
  return values?.find((one) =>
    Object.entries(labels).every(([label, value]) => String(one.labels[label]) === value),
  )?.value;
}
