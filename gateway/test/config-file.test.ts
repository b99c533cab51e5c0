import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfig } from '@onrush/chassis/config';
import { parse } from 'yaml';
import { z } from 'zod';
import { canarySchema } from '../src/canary/canary-rules';
import { configShape } from '../src/config';
import { routeRules } from '../src/route-rules';

const folder = path.join(__dirname, '..', '..', 'config');
const written = readFileSync(path.join(folder, 'gateway.yaml'), 'utf8');
const environment = { INTERNAL_JWKS: 'a', INTERNAL_PRIVATE_KEY: 'b', REDIS_URL: 'redis://127.0.0.1:1' };
const loadFrom = (directory: string) =>
  loadConfig({ service: 'gateway', schema: z.object(configShape), environment, directory });

/** The file when an operator has taken the `#` from its examples, which are indented, and put each below its key. */
const withExamples = written
  .replace(/^# ( {2,}\S.*)$/gm, '$1')
  .replace(/((?:^ {2,}.*\n)+)(routes|canaries): \{\}$/gm, '$2:\n$1');

let temporary: string;
beforeAll(() => {
  temporary = mkdtempSync(path.join(tmpdir(), 'gateway-config-'));
  writeFileSync(path.join(temporary, 'gateway.yaml'), withExamples);
});
afterAll(() => rmSync(temporary, { recursive: true }));

test('the file that operators find is valid, and says nothing else than the defaults', () => {
  const config = loadFrom(folder);

  expect(config).toEqual(loadFrom(path.join(folder, 'no-such-folder')));
  expect(Object.keys(parse(written) as object)).toEqual([
    'trusted_hops',
    'max_connections',
    'max_connections_per_address',
    'rate_limits',
    'routes',
    'canaries',
  ]);
});

test('its examples are valid as they stand there', () => {
  const { routes, canaries } = loadFrom(temporary);

  expect(routes).toMatchObject({ 'GET /api/v1/news/:id': { upstream: 'notify-service', auth: 'public' } });
  expect(canaries).toMatchObject({ 'seckill-service': { percent: 5, rollback: { max_pending: 100 } } });
});

test('its examples show every key that a rule has, and no other', () => {
  const examples = parse(withExamples) as Record<string, Record<string, Record<string, object>>>;
  const keysOf = (value: object | undefined) => Object.keys(value ?? {}).sort();
  const [route] = Object.values(examples['routes'] ?? {});
  const [canary] = Object.values(examples['canaries'] ?? {});
  const { rollback } = canarySchema.valueType.shape;

  expect(keysOf(route)).toEqual(keysOf(routeRules.valueType.shape));
  expect(keysOf(canary)).toEqual(keysOf(canarySchema.valueType.shape));
  expect(keysOf(canary?.['rollback'])).toEqual(keysOf(rollback.unwrap().shape));
});
