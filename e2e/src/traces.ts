import { until } from './activity';

/** A part of what Jaeger's API answers. */
interface Span {
  spanID: string;
  operationName: string;
  processID: string;
  references: { spanID: string }[];
}
export interface Trace {
  traceID: string;
  spans: Span[];
  processes: Record<string, { serviceName: string }>;
}

/** What Jaeger has got; it has no login. */
export interface Traces {
  services(): Promise<string[]>;
  /** The latest ones that the service has to do with. */
  of(service: string): Promise<Trace[]>;
  /** As JSON, with everything that is in any span. */
  text(service: string): Promise<string>;
  /** The first of `among` that `service` has to do with as well, once the calls have arrived that lead there: spans come as their processes send them. */
  connected(services: { service: string; among: string }, edges: string[]): Promise<Trace>;
}

export function readTraces(jaegerUrl: string): Traces {
  const answerTo = async (path: string): Promise<Response> => fetch(`${jaegerUrl}/api/${path}`);
  const latest = (service: string) => answerTo(`traces?service=${service}&limit=1500`);
  const of = async (service: string) => ((await (await latest(service)).json()) as { data: Trace[] }).data;
  return {
    async services() {
      return ((await (await answerTo('services')).json()) as { data: string[] | null }).data ?? [];
    },
    of,
    text: async (service) => (await latest(service)).text(),
    async connected({ service, among }, edges) {
      let found: Trace | undefined;
      await until(async () => {
        found = (await of(among)).find((trace) => servicesIn(trace).has(service));
        const known = found && edgesIn(found);
        return known !== undefined && edges.every((edge) => known.has(edge));
      }, 20_000);
      if (!found) throw new Error(`no trace of ${among} with ${service}`);
      return found;
    },
  };
}

const servicesIn = ({ processes }: Trace): Set<string> =>
  new Set(Object.values(processes).map(({ serviceName }) => serviceName));

/** Which service goes on from which other one: `caller → callee`. */
export function edgesIn({ spans, processes }: Trace): Set<string> {
  const serviceOf = (span: Span | undefined) =>
    span ? (processes[span.processID]?.serviceName ?? '') : 'nobody';
  const byId = new Map(spans.map((span) => [span.spanID, span]));
  const edges = spans.flatMap((span) =>
    span.references.map(({ spanID }) => [serviceOf(byId.get(spanID)), serviceOf(span)]),
  );
  return new Set(edges.filter(([from, to]) => from !== to).map((edge) => edge.join(' → ')));
}

export const namesIn = ({ spans }: Trace): string[] => spans.map(({ operationName }) => operationName);
