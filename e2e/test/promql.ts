import { globSync } from 'node:fs';
import { rules } from '../../deploy/local/observability';
import { root, text } from './pages';

/** A query, and where it is from. */
export interface Query {
  of: string;
  expr: string;
}

interface Rule {
  alert?: string;
  record?: string;
  labels?: Record<string, string>;
  expr: string;
}
interface Dashboard {
  title: string;
  annotations: { list: { expr: string }[] };
  panels: { title: string; targets?: { expr: string }[] }[];
}

const allRules = (): Rule[] =>
  Object.values(rules()).flatMap((file) =>
    (JSON.parse(file) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules),
  );

export const recordingQueries = (): Query[] =>
  allRules().flatMap(({ record, labels, expr }) =>
    record ? [{ of: `${record} ${labels?.['slo'] ?? ''}`, expr }] : [],
  );

/** Of alerts what they look at, without the condition that keeps them silent while all is well. */
export const alertQueries = (): Query[] =>
  allRules().flatMap(({ alert, expr }) => (alert ? [{ of: alert, expr: withoutCondition(expr) }] : []));

export const withoutCondition = (expr: string): string =>
  expr
    .replace(/^absent\((.*)\)$/, '$1')
    .replace(/\bunless on\b/g, 'and on')
    .replace(/ (?:==|!=|>|<) -?[\d.]+(?: \* [\d.]+)*/g, '');

/** As Grafana would send them for that fleet, with everything chosen. */
export const dashboardQueries = (namespace: string): Query[] =>
  globSync('deploy/observability/dashboards/*.json', { cwd: root }).flatMap((file) => {
    const { title, panels } = JSON.parse(text(file)) as Dashboard;
    return panels.flatMap((panel) =>
      (panel.targets ?? []).map(({ expr }) => ({
        of: `${title}: ${panel.title}`,
        expr: chosen(expr, namespace),
      })),
    );
  });

const chosen = (expr: string, namespace: string): string =>
  expr
    .replaceAll('$namespace', namespace)
    .replaceAll('$__rate_interval', '20s')
    .replaceAll('$__range', '15m')
    .replace(/=~"\$\w+"/g, '=~".*"');

/** One a line, in its blocks of PromQL. */
export const runbookQueries = (): Query[] =>
  [...text('docs', 'runbook.md').matchAll(/```promql\n([^`]*)```/g)].flatMap(([, block = '']) =>
    block
      .trim()
      .split('\n')
      .map((expr) => ({ of: 'runbook', expr })),
  );

const words = new Set([
  'and',
  'or',
  'unless',
  'by',
  'on',
  'without',
  'ignoring',
  'group_left',
  'bool',
  'offset',
]);

/** The names of the metrics in a query: what is left of it without functions, labels, ranges and texts. */
export const metricsIn = (expr: string): string[] => [
  ...new Set(
    expr
      .replace(/"(?:[^"\\]|\\.)*"/g, '')
      .replace(/\{[^}]*\}|\[[^\]]*\]|\boffset \w+|\b(?:by|on|without|ignoring|group_left) *\([^)]*\)/g, '')
      .match(/[a-zA-Z_:][\w:]*\b(?! *\()/g)
      ?.filter((name) => !words.has(name)),
  ),
];
