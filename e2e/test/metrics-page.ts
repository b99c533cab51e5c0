import { rows, text } from './pages';

/** A metric as docs/metrics.md has it. */
export interface ListedMetric {
  name: string;
  type: string;
  /** How several processes of a service are put together. */
  ofSeveral: string;
  /** The values that a label may have; undefined where the page says only what bounds them. */
  labels: Map<string, Set<string> | undefined>;
}

const page = text('docs', 'metrics.md');
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section]),
);

function tableOf(heading: string): Record<string, string>[] {
  const [head = [], ...table] = rows(sections.get(heading) ?? '', /^(name$|`\w+`$)/);
  return table.map((cells) => Object.fromEntries(head.map((column, index) => [column, cells[index] ?? ''])));
}

const listed = ({ name = '', type = '', labels = '' }: Record<string, string>): ListedMetric => {
  const [kind = '', ofSeveral = 'sum'] = type.split(', ');
  const values = [...labels.matchAll(/`(\w+)`(?: \{([^}]*)\})?/g)];
  return {
    name: name.slice(1, -1),
    type: kind,
    ofSeveral,
    labels: new Map(values.map(([, label = '', set]) => [label, set ? new Set(set.split(', ')) : undefined])),
  };
};

/** `all but gateway, auth`, or `order, payment`. */
function isOf(service: string, of: string): boolean {
  const name = service.replace('-service', '');
  const [names = '', isBut] = of.startsWith('all but ') ? [of.slice(8), true] : [of, false];
  return names.split(', ').includes(name) !== isBut;
}

/** Every metric that a service should have, in the order of their names. */
export const listedMetrics = (service: string): ListedMetric[] =>
  [
    ...tableOf('Every service'),
    ...tableOf('What several have').filter(({ of = '' }) => isOf(service, of)),
    ...tableOf(service),
  ]
    .map(listed)
    .sort((one, other) => (one.name < other.name ? -1 : 1));

/** A series of a page in Prometheus' text format. */
interface Series {
  name: string;
  labels: Record<string, string>;
}

/** What a process serves: types by name, and all series. */
export function parsePage(served: string): { types: Map<string, string>; series: Series[] } {
  const types = new Map(
    [...served.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => [name, type]),
  );
  const series = [...served.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)].map(([, name = '', labels = '']) => ({
    name: types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ''),
    labels: Object.fromEntries(
      [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', value = '']) => [label, value]),
    ),
  }));
  return { types, series };
}

/** Labels that every series of its kind has, whatever it is about. */
const own = new Set(['service', 'le']);

/** The labels and values of what is served that the page does not have, each told once. */
export function unlisted(all: ListedMetric[], { series }: { series: Series[] }): string[] {
  const byName = new Map(all.map((metric) => [metric.name, metric]));
  const wrong = series.flatMap(({ name, labels }) =>
    Object.entries(labels).flatMap(([label, value]) => {
      if (own.has(label)) return [];
      const metric = byName.get(name);
      if (!metric?.labels.has(label)) return [`${name}{${label}}`];
      const values = metric.labels.get(label);
      return values && !values.has(value) ? [`${name}{${label}="${value}"}`] : [];
    }),
  );
  return [...new Set(wrong)];
}
