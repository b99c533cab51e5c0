import type { Discovery, Instance } from './discovery';

/** One call's hold on an instance; `done` says how it went. */
export interface Pick {
  instance: Instance;
  done(outcome: 'ok' | 'failed' | 'unreachable'): void;
}

export interface Balancer {
  /** Least pending of two random instances that are in rotation; undefined when none is known. */
  pick(accepts?: (instance: Instance) => boolean): Pick | undefined;
}

const failuresToEject = 3;
const ejectedMs = 2_000;

interface Health {
  pending: number;
  failures: number;
  ejectedUntil: number;
}

/**
 * Power of two choices (Mitzenmacher 2001) over the discovered instances, with passive ejection: one refused connection or three
 * failures in a row take an instance out for two seconds; then one call at a time tries it again. When all are out, all are in.
 */
export function createBalancer(
  discovery: Discovery,
  service: string,
  now: () => number = Date.now,
): Balancer {
  const healths = new Map<string, Health>();
  const healthOf = (instance: Instance): Health => {
    const known = healths.get(instance.id);
    if (known) return known;
    const fresh = { pending: 0, failures: 0, ejectedUntil: 0 };
    healths.set(instance.id, fresh);
    return fresh;
  };

  function inRotation(instance: Instance): boolean {
    const health = healthOf(instance);
    if (health.ejectedUntil === 0) return true;
    return health.ejectedUntil <= now() && health.pending === 0;
  }

  function settle(health: Health, outcome: 'ok' | 'failed' | 'unreachable'): void {
    health.pending -= 1;
    if (outcome === 'ok') {
      health.failures = 0;
      health.ejectedUntil = 0;
      return;
    }
    health.failures += 1;
    if (outcome === 'unreachable' || health.failures >= failuresToEject)
      health.ejectedUntil = now() + ejectedMs;
  }

  discovery.onChange(service, (instances) => {
    const alive = new Set(instances.map((instance) => instance.id));
    for (const id of healths.keys()) if (!alive.has(id)) healths.delete(id);
  });

  return {
    pick(accepts = () => true) {
      const known = discovery.instances(service).filter(accepts);
      const rotating = known.filter(inRotation);
      const instance = leastPendingOfTwo(rotating.length > 0 ? rotating : known, healthOf);
      if (!instance) return undefined;
      const health = healthOf(instance);
      health.pending += 1;
      let settled = false;
      return {
        instance,
        done(outcome) {
          if (settled) return;
          settled = true;
          settle(health, outcome);
        },
      };
    },
  };
}

function leastPendingOfTwo(
  instances: Instance[],
  healthOf: (instance: Instance) => Health,
): Instance | undefined {
  const first = instances[Math.floor(Math.random() * instances.length)];
  const second = instances[Math.floor(Math.random() * instances.length)];
  if (!first || !second) return first;
  return healthOf(second).pending < healthOf(first).pending ? second : first;
}
