import { EventEmitter } from 'node:events';
import { isAppError } from '@onrush/chassis/errors';
import { createMetrics } from '@onrush/chassis/metrics';
import { createLongLived } from '../src/ends/long-lived';

function create() {
  const metrics = createMetrics({ service: 'test' });
  const longLived = createLongLived({ limit: 1, metrics });
  const open = async () =>
    (await metrics.registry.getSingleMetric('gateway_streams')?.get())?.values[0]?.value;
  return { ...longLived, open };
}

const connection = (destroyed = false) =>
  Object.assign(new EventEmitter(), { destroyed, destroy: () => undefined });

function codeOf(hold: () => void): number {
  try {
    hold();
  } catch (error) {
    if (isAppError(error)) return error.code;
  }
  return 0;
}

test('a connection takes a place until it closes', async () => {
  const { hold, open } = create();
  const first = connection();
  hold(first);

  expect(codeOf(() => hold(connection()))).toBe(503002);
  first.emit('close');

  expect(await open()).toBe(0);
  hold(connection());
  expect(await open()).toBe(1);
});

test('one that has closed already takes none: nobody would give it back', async () => {
  const { hold, open } = create();

  expect(codeOf(() => hold(connection(true)))).toBe(503001);

  expect(await open()).toBe(0);
});
