import { createMetrics } from '@onrush/chassis/metrics';
import { metricOf } from '@onrush/chassis/testing/metrics';
import {
  createBatchMeasure,
  createVersionMeasures,
  createVersionNames,
} from '../src/upstream/version-measures';

test('whatever versions are listed, there are so many series and no more', () => {
  const nameOf = createVersionNames();
  const versions = Array.from({ length: 100 }, (_, n) => `1.0.${n}`);

  const names = new Set(versions.map(nameOf));

  expect(names.size).toBe(21);
  expect(nameOf('1.0.0')).toBe('1.0.0');
  expect(nameOf('1.0.99')).toBe('OTHER');
});

test('what is answered together is counted by answer, and timed by the one that waited longest', async () => {
  const metrics = createMetrics({ service: 'test' });
  const measure = createBatchMeasure(createVersionMeasures(metrics)('seckill-service'), '2.0.0');
  const of = { upstream: 'seckill-service', version: '2.0.0' };
  const answers = (code: string) => metricOf(metrics, 'gateway_upstream_answers_total', { ...of, code });
  const took = (le: string) => metricOf(metrics, 'gateway_upstream_duration_seconds', { ...of, le });

  measure.note(202, 3);
  measure.note(202, 40);
  measure.note(409, 4);
  measure.note(undefined, 5);
  measure.flush();
  measure.flush();

  expect([await answers('202'), await answers('409'), await answers('none')]).toEqual([2, 1, 1]);
  expect([await took('0.025'), await took('0.05'), await took('+Inf')]).toEqual([0, 1, 1]);
});
