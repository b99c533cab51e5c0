'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { parse } = require('yaml');
const { root } = require('../paths');

const folder = path.join(root, 'deploy', 'observability');
const files = fs.readdirSync(path.join(folder, 'dashboards')).sort();
const dashboards = files.map((file) => [
  file,
  JSON.parse(fs.readFileSync(path.join(folder, 'dashboards', file), 'utf8')),
]);
const provisioning = (file) => parse(fs.readFileSync(path.join(folder, 'grafana', file), 'utf8'));
const chosen = { type: 'prometheus', uid: '${datasource}' };

test('there is one for each of what operators look at', () => {
  expect(files).toEqual([
    'fleet.json',
    'gateway.json',
    'infrastructure.json',
    'orders-payments.json',
    'sale.json',
    'slo.json',
  ]);
  const uids = dashboards.map(([, { uid }]) => uid);
  expect(new Set(uids).size).toBe(files.length);
  expect(uids).toEqual(files.map((file) => `onrush-${path.basename(file, '.json')}`));
});

describe.each(dashboards)('%s', (_file, dashboard) => {
  const { panels, templating, title, description } = dashboard;
  const shown = panels.filter(({ type }) => type !== 'row');

  test('is named, and lets people choose the Prometheus and the fleet', () => {
    expect(title).toMatch(/\w/);
    expect(description).toMatch(/\w{4}/);
    const [source, fleet, ...others] = templating.list;
    expect(source).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' });
    expect(fleet).toMatchObject({ name: 'namespace', type: 'query' });
    for (const variable of [fleet, ...others]) expect(variable.datasource).toEqual(chosen);
    // Grafana has no default for such a one: https://grafana.com/docs/grafana/latest/dashboards/variables/
    const known = new Set([...templating.list.map(({ name }) => name), '__rate_interval', '__range']);
    for (const [, name] of JSON.stringify(panels).matchAll(/\$\{?(\w+)/g)) expect(known).toContain(name);
  });

  test('every panel has a title, a description, a unit, queries, and a place of its own', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const panel of shown) {
      expect(panel).toMatchObject({ title: expect.stringMatching(/\w/), datasource: chosen });
      expect(panel.description).toMatch(/\w/);
      expect(panel.fieldConfig.defaults.unit).toMatch(/^[a-z]+$/);
      expect(panel.targets.length).toBeGreaterThan(0);
      expect(new Set(panel.targets.map(({ refId }) => refId)).size).toBe(panel.targets.length);
      for (const { expr } of panel.targets) expect(expr).toMatch(/\w/);
    }
    for (const [index, one] of panels.entries())
      for (const other of panels.slice(index + 1))
        expect({
          one: one.title,
          other: other.title,
          overlap: overlap(one.gridPos, other.gridPos),
        }).toMatchObject({
          overlap: false,
        });
  });

  test('every query about the fleet is about the one that was chosen', () => {
    const own =
      /\b(http|grpc|events|seckill|gateway|order|payment|outbox|mysql|redis|kafka|process|nodejs|stream|delay|auth|inbox)_\w+/g;
    for (const { targets } of shown)
      for (const { expr } of targets)
        for (const [name] of expr.matchAll(own))
          if (expr.includes(`${name}{`)) expect(expr).toContain(`${name}{namespace="$namespace"`);
  });
});

const overlap = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

test('Grafana is told where Prometheus is, and where the dashboards are', () => {
  const { datasources } = provisioning('datasources.yaml');
  const [provider] = provisioning('dashboards.yaml').providers;

  expect(datasources.filter(({ isDefault }) => isDefault).map(({ type }) => type)).toEqual(['prometheus']);
  expect(provider).toMatchObject({ type: 'file', options: { path: expect.stringMatching(/^\//) } });
});
