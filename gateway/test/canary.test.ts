import type { Instance } from '@onrush/chassis/discovery';
import { pickVersion } from '../src/canary';

const instance = (id: string, version: string, canary: boolean): Instance => ({
  id,
  service: 'seckill-service',
  address: '127.0.0.1',
  httpPort: 1,
  grpcPort: 2,
  version,
  canary,
});
const stable = instance('stable', '1.0.0', false);
const canary = instance('canary', '1.1.0', true);

test.each([
  ['without a header, a stable one', undefined, [canary, stable], 'stable'],
  ['for "true", a canary', 'true', [stable, canary], 'canary'],
  ['for its version, a canary', '1.1.0', [stable, canary], 'canary'],
  ['for a version that is stable, the stable one', '1.0.0', [canary, stable], 'stable'],
  ['for a canary that is not there, a stable one', 'true', [stable], 'stable'],
  ['where there are only canaries, one of them', undefined, [canary], 'canary'],
  ['where there is nobody, nobody', 'true', [], undefined],
])('%s', (_name, wanted, instances, expected) => {
  expect(pickVersion(wanted, (allowed) => instances.find(allowed))?.id).toBe(expected);
});
