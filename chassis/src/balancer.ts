import type { Discovery, Instance } from './discovery';

/**
 * How a call went. `unreachable`: no connection was had; `failed`: the instance was too slow or broke; `abandoned`: whoever asked went
 * away before the answer, which says nothing about the instance.
 */
export type Outcome = 'ok' | 'failed' | 'unreachable' | 'abandoned';

/** One call's hold on an instance; `done` says how it went. It must be called once; what is said later is ignored. */
export interface Pick {
  instance: Instance;
  done(outcome: Outcome): void;
}

export interface Balancer {
  /**
   * Least pending of two random instances that are accepted and in rotation; where none is in rotation, of all that are accepted.
   * Undefined when none is accepted. A caller that tries again leaves out by `accepts` what it has tried.
   */
  pick(accepts?: (instance: Instance) => boolean): Pick | undefined;
  /** The instances that are known now; one that was ejected stays so until a call to it has gone well. */
  states(): { instanceId: string; ejected: boolean }[];
}

const failuresToEject = 3;
const firstEjectionMs = 1_000;
const longestEjectionMs = 30_000;

interface Health {
  pending: number;
  /** Failures in a row, while in rotation. */
  failures: number;
  /** In a row, without a good call in between; 0: in rotation. */
  ejections: number;
  /** How often it left the rotation or came back: a call that began before the last time tells nothing of now. */
  turns: number;
  probeFrom: number;
  isProbed: boolean;
}

/**
 * Power of two choices (Mitzenmacher 2001) over the discovered instances, with passive ejection: one refused connection or three failures in
 * a row take an instance out for 1 s; then one call at a time, the probe, may try it (half-open). A good probe brings it back, a failed one
 * ejects it for twice as long as before, at most 30 s. When all are out, all are in (panic): a call that may fail beats one that surely does.
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
    const fresh = { pending: 0, failures: 0, ejections: 0, turns: 0, probeFrom: 0, isProbed: false };
    healths.set(instance.id, fresh);
    return fresh;
  };

  function isInRotation(instance: Instance): boolean {
    const health = healthOf(instance);
    return health.ejections === 0 || (!health.isProbed && health.probeFrom <= now());
  }

  function hold(instance: Instance): Pick {
    const health = healthOf(instance);
    const { turns } = health;
    const isProbe = health.ejections > 0 && isInRotation(instance);
    if (isProbe) health.isProbed = true;
    health.pending += 1;
    let isDone = false;
    return {
      instance,
      done(outcome) {
        if (isDone) return;
        isDone = true;
        health.pending -= 1;
        if (health.turns !== turns) return;
        if (isProbe) health.isProbed = false;
        judge(health, outcome, isProbe);
      },
    };
  }

  function judge(health: Health, outcome: Outcome, isProbe: boolean): void {
    if (outcome === 'abandoned') return;
    if (outcome === 'ok') {
      if (health.ejections > 0) turn(health, 0);
      health.failures = 0;
      return;
    }
    health.failures += 1;
    const isOut = health.ejections > 0;
    // In a panic many calls fail at once: were each to double the time, all would be out for long after the end of the trouble.
    if (isOut ? isProbe : outcome === 'unreachable' || health.failures >= failuresToEject) {
      health.probeFrom = now() + Math.min(firstEjectionMs * 2 ** health.ejections, longestEjectionMs);
      turn(health, health.ejections + 1);
    }
  }

  discovery.onChange(service, (instances) => {
    const alive = new Set(instances.map((instance) => instance.id));
    for (const id of healths.keys()) if (!alive.has(id)) healths.delete(id);
  });

  const pending = (instance: Instance): number => healthOf(instance).pending;
  return {
    pick(accepts = acceptsAll) {
      const known = discovery.instances(service);
      const instance =
        leastOfTwo(known, (each) => accepts(each) && isInRotation(each), pending) ??
        leastOfTwo(known, accepts, pending);
      return instance && hold(instance);
    },
    states: () =>
      discovery.instances(service).map((instance) => ({
        instanceId: instance.id,
        ejected: healthOf(instance).ejections > 0,
      })),
  };
}

function turn(health: Health, ejections: number): void {
  health.ejections = ejections;
  health.turns += 1;
  health.failures = 0;
  health.isProbed = false;
}

const acceptsAll = () => true;
const below = (limit: number): number => Math.floor(Math.random() * limit);

/** Two passes and no list of the candidates: there are few instances, and many calls. */
function leastOfTwo(
  instances: Instance[],
  isCandidate: (instance: Instance) => boolean,
  pending: (instance: Instance) => number,
): Instance | undefined {
  let candidates = 0;
  for (const instance of instances) if (isCandidate(instance)) candidates += 1;
  const at = below(candidates);
  const first = nth(instances, isCandidate, at);
  if (!first || candidates < 2) return first;
  const second = nth(instances, isCandidate, (at + 1 + below(candidates - 1)) % candidates);
  return second && pending(second) < pending(first) ? second : first;
}

function nth(
  instances: Instance[],
  isCandidate: (instance: Instance) => boolean,
  at: number,
): Instance | undefined {
  let left = at;
  for (const instance of instances) {
    if (!isCandidate(instance)) continue;
    if (left === 0) return instance;
    left -= 1;
  }
  return undefined;
}
