import { recordingQueries, type Query } from './promql';

interface Answer<T> {
  status: string;
  error?: string;
  data: T;
}
interface Sample {
  metric: Record<string, string>;
  value: [number, string];
}

/** What Prometheus adds by itself, and nobody declares. */
const ofItself = ['up', 'ALERTS', 'scrape_duration_seconds'];

/** A Prometheus that runs, asked by its HTTP API. */
export function createPrometheus(url: string) {
  async function ask<T>(path: string, body: Record<string, string> = {}): Promise<T> {
    const init = path === 'query' ? { method: 'POST', body: new URLSearchParams(body) } : {};
    const { status, error, data } = (await (await fetch(`${url}/api/v1/${path}`, init)).json()) as Answer<T>;
    if (status !== 'success') throw new Error(`${JSON.stringify(body)}: ${error}`);
    return data;
  }

  /** Throws where it is no PromQL. */
  const query = async (expr: string): Promise<Sample[]> =>
    (await ask<{ result: Sample[] }>('query', { query: expr })).result;

  return {
    query,

    /** Those that are answered with nothing. */
    async withoutSeries(queries: Query[]): Promise<string[]> {
      const empty: string[] = [];
      for (const { of, expr } of queries) if ((await query(expr)).length === 0) empty.push(`${of}: ${expr}`);
      return empty;
    },

    /** Every name that a process has declared, with series or without, and every one that a rule records. */
    async knownMetrics(): Promise<Set<string>> {
      const declared = (await ask<{ metric: string; type: string }[]>('targets/metadata')).flatMap(
        ({ metric, type }) =>
          type === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => metric + part) : [metric],
      );
      const recorded = recordingQueries().map(({ of }) => of.split(' ')[0] ?? '');
      return new Set([...declared, ...recorded, ...ofItself]);
    },
  };
}
