/** What is measured with one and the same GET; `direct` is the upstream alone, the floor under all others. */
export const targets = ['direct', 'nginx', 'nginx_auto', 'bare_hpm', 'gateway', 'gateway_cached'] as const;
export type Target = (typeof targets)[number];
export type OfTargets<T> = Record<Target, T>;

export const ofTargets = <T>(make: (target: Target) => T): OfTargets<T> =>
  Object.fromEntries(targets.map((target) => [target, make(target)])) as OfTargets<T>;

/** As a reader finds them in the tables. */
export const titles: OfTargets<string> = {
  direct: 'upstream alone',
  nginx: 'nginx, one worker',
  nginx_auto: 'nginx, a worker a core',
  bare_hpm: 'bare Express + http-proxy-middleware',
  gateway: 'gateway, proxied GET',
  gateway_cached: 'gateway, cached GET',
};

/** Each round begins with another target, so that none always follows the same one. */
export const inTurn = (round: number): Target[] => {
  const first = round % targets.length;
  return [...targets.slice(first), ...targets.slice(0, first)];
};
