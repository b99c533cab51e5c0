'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { parse } = require('yaml');

const folder = path.join(__dirname, '..', 'logs');
const read = (file) => fs.readFileSync(path.join(folder, file), 'utf8');
const json = (file) => JSON.parse(read(file));
const { pipeline, service } = parse(read('docker.yaml'));
const template = json('index-template.json');

test('whoever parses a line is there, keeps its time, and loses none of its fields', () => {
  const parsers = [...read('parsers.conf').matchAll(/^ +Name +(\w+)$/gm)].map(([, name]) => name);
  const used = [...pipeline.inputs, ...pipeline.filters].flatMap(({ parser }) => parser ?? []);
  const [, ofLine] = pipeline.filters;

  expect(used.sort()).toEqual(parsers.sort());
  expect(service.parsers_file).toBe('/etc/onrush/logs/parsers.conf');
  expect(ofLine).toMatchObject({ key_name: 'log', parser: 'onrush', reserve_data: 'on' });
  expect(read('parsers.conf')).toMatch(/Name +onrush[^[]*Format +json[^[]*Time_Keep +On/);
  // Nothing in between takes a field away.
  expect(pipeline.filters.map(({ name }) => name)).toEqual(['grep', 'parser']);
});

test('lines arrive in indexes that have the template, and its retention', () => {
  const [{ name, logstash_prefix: prefix, retry_limit: limit }] = pipeline.outputs;
  const script = read('elasticsearch.sh');

  expect([name, limit]).toEqual(['es', 'no_limits']);
  expect(template.index_patterns).toEqual([`${prefix}-*`]);
  expect(script).toContain(
    `_ilm/policy/${template.template.settings['index.lifecycle.name']} "@$folder/retention.json"`,
  );
  expect(script).toContain('_index_template/onrush-logs "@$folder/index-template.json"');
  expect(json('retention.json').policy.phases.delete).toEqual({ min_age: '14d', actions: { delete: {} } });
});

test('every field of the schema has a type, and one can look for a trace id', () => {
  const { properties } = template.template.mappings;
  const readme = fs.readFileSync(path.join(__dirname, '../../../chassis/README.md'), 'utf8');
  const [, logs] = /\n## Logs\n([\s\S]*?)\n## /.exec(readme);
  const fields = `level time service pid msg request_id trace_id method path status ms user_id error`.split(
    ' ',
  );

  for (const field of fields) {
    expect(logs).toContain(`\`${field}\``);
    expect(Object.keys(properties)).toContain(field);
  }
  expect(properties.trace_id.type).toBe('keyword');
});

test('the saved search looks where lines arrive, by trace id', () => {
  const [view, search] = read('saved-search.ndjson').trim().split('\n').map(JSON.parse);
  const source = JSON.parse(search.attributes.kibanaSavedObjectMeta.searchSourceJSON);

  expect([view.type, view.attributes.title]).toEqual(['index-pattern', template.index_patterns[0]]);
  expect(search.references).toEqual([{ id: view.id, name: source.indexRefName, type: 'index-pattern' }]);
  expect(source.query).toEqual({ language: 'kuery', query: 'trace_id : *' });
  expect(search.attributes.columns).toContain('trace_id');
  expect(read('kibana.sh')).toContain('/etc/onrush/logs/saved-search.ndjson');
});
