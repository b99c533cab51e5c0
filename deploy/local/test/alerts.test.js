'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parse } = require('yaml');
const { alertRouting, rules } = require('../observability');
const { installObservers, planObservers } = require('../observers');
const { root } = require('../paths');
const { configuration } = require('../servers/alertmanager');

const folder = path.join(root, 'deploy', 'observability');
const read = (...parts) => fs.readFileSync(path.join(root, ...parts), 'utf8');
const yamlIn = (...parts) =>
  fs
    .readdirSync(path.join(folder, ...parts))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => path.join(...parts, file));
const run = (program, ...args) => execFileSync(program, args, { cwd: folder, encoding: 'utf8' });

const alerts = Object.values(rules())
  .flatMap((text) => JSON.parse(text).groups.flatMap((group) => group.rules))
  .filter((rule) => rule.alert);
const names = alerts.map(({ alert }) => alert).sort();

// Prometheus and Alertmanager bring the tools that check what is written for them.
beforeAll(async () => {
  const silent = { step: (_name, work) => work() };
  await installObservers(silent, { ...planObservers(), jaeger: 'not needed here' });
}, 120_000);

test('Prometheus takes the rules', () => {
  const said = run('promtool', 'check', 'rules', ...yamlIn('rules'));

  expect(said).not.toMatch(/FAILED|duplicate/);
  expect(said.match(/SUCCESS/g)).toHaveLength(yamlIn('rules').length);
});

test('each alert fires when it should, and is silent when not', () => {
  expect(run('promtool', 'test', 'rules', ...yamlIn('rules', 'tests'))).not.toMatch(/FAILED/);
});

test('each alert has such a test, and each file of rules', () => {
  const samples = yamlIn('rules', 'tests').flatMap((file) =>
    parse(fs.readFileSync(path.join(folder, file), 'utf8')).tests.flatMap((one) =>
      one.promql_expr_test.flatMap((asked) => asked.exp_samples),
    ),
  );
  const fired = samples.map(({ labels }) => /alertname="(\w+)"/.exec(labels)?.[1]).filter(Boolean);

  expect([...new Set(fired)].sort()).toEqual(names);
  expect(yamlIn('rules', 'tests').map((file) => path.basename(file))).toEqual(
    yamlIn('rules').map((file) => path.basename(file)),
  );
});

test('Alertmanager takes its configuration: the one of a deployment, and those of local fleets', () => {
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'alertmanager-'));
  const fleets = ['', 't_1'].map((namespace) => ({ namespace, url: 'http://127.0.0.1:1/internal/alerts' }));
  const files = [
    alertRouting(),
    configuration(alertRouting(), [], '/t'),
    configuration(alertRouting(), fleets, '/t'),
  ].map((content, index) => {
    const file = path.join(temporary, `${index}.yml`);
    fs.writeFileSync(file, JSON.stringify(content));
    return file;
  });

  const said = run('amtool', 'check-config', ...files);
  fs.rmSync(temporary, { recursive: true });

  expect(said.match(/SUCCESS/g)).toHaveLength(3);
});

test('each alert says how urgent it is, what is wrong, and where its page is; and whose it is, where it adds up', () => {
  for (const { alert, labels, annotations, expr } of alerts) {
    expect({ alert, severity: labels.severity }).toEqual({
      alert,
      severity: expect.stringMatching(/^(page|ticket)$/),
    });
    expect(annotations).toEqual({
      summary: expect.stringMatching(/.{10}/),
      runbook_url: `docs/runbook.md#${alert.toLowerCase()}`,
    });
    // Fleets may share a Prometheus: what forgets whose it is would be told to nobody.
    for (const [, kept] of expr.matchAll(/\bby \(([^)]*)\)/g))
      expect(`${alert}: ${kept}`).toMatch(/: namespace\b/);
    expect(expr).not.toMatch(/\b(sum|max|min|avg|count)\s*\(/);
  }
});

describe('the runbook', () => {
  const entries = read('docs', 'runbook.md').split(/^### /m).slice(1);

  test('has an entry for every alert, and no other', () => {
    expect(entries.map((entry) => entry.split('\n')[0]).sort()).toEqual([...new Set(names)]);
  });

  test.each(entries.map((entry) => [entry.split('\n')[0], entry]))(
    '%s: what it means, where to look first, and what to do',
    (_name, entry) => {
      const [, ...parts] = entry.split(/^\*\*(?:Meaning|First look|Fix)\*\*/m);

      expect(entry.match(/^\*\*(Meaning|First look|Fix)\*\*/gm)).toEqual([
        '**Meaning**',
        '**First look**',
        '**Fix**',
      ]);
      for (const part of parts) expect(part.trim().length).toBeGreaterThan(20);
      expect(parts[1]).toMatch(/`[^`]+`/);
    },
  );
});
