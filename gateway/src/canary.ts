import type { Instance } from '@onrush/chassis/discovery';

const isStable = (instance: Instance) => !instance.canary;
const isAny = () => true;

/**
 * The instances that `X-Canary` asks for (`true`: any canary; anything else names a version), else a stable one, else any: a request is
 * answered before it is answered by the right version.
 */
export function pickVersion<T>(
  wanted: string | undefined,
  pick: (allowed: (instance: Instance) => boolean) => T | undefined,
): T | undefined {
  const asked = wanted && pick(({ canary, version }) => canary && (wanted === 'true' || wanted === version));
  return asked || pick(isStable) || pick(isAny);
}
