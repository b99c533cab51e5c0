import type { Redis } from 'ioredis';
import type { Metrics } from '@onrush/chassis/metrics';
import { loadScript } from '@onrush/chassis/redis';
import type { RedisLink } from './redis-link';

/** The gateways that share the limits, as this one knows them. */
export interface Gateways {
  /** Gateways that were seen in the last 5 s. */
  size: number;
  /** Into so many parts the local half is divided: never fewer than any other gateway may count. Infinity: nothing is ours yet. */
  divisor: number;
  /** `alone`: it came first, and nobody holds a part; `changing`: others may count differently; `settled`: all count alike. */
  phase: 'alone' | 'changing' | 'settled';
}

export interface GatewayWatch {
  current(): Gateways;
  /** Says that we are here, and counts. */
  beat(): Promise<void>;
  leave(): Promise<void>;
}

/** A gateway that is silent for so many beats is gone. */
const lifetimeBeats = 5;

const script = loadScript<[number, number, number]>(__dirname, 'beat-1.lua');

/**
 * Counts the gateways by their heartbeats. A gateway that hears of another makes its own part smaller at once; parts grow only when every
 * gateway has had two beats to hear of the change, and the newest takes none before. So the parts never add up to more than the whole.
 */
export function createGatewayWatch(deps: {
  redis: Redis;
  link: RedisLink;
  key: string;
  memberId: string;
  beatMs: number;
  metrics: Metrics;
  onChange: () => void;
}): GatewayWatch {
  const { redis, link, key, memberId, beatMs, onChange } = deps;
  const gauge = deps.metrics.gauge(
    'gateway_rate_limit_gateways',
    'Gateways that the limits are divided among; 0 until that is known',
    [],
    { ofWorkers: 'max' },
  );
  let gateways: Gateways = { size: 1, divisor: Infinity, phase: 'changing' };
  let changedAt = 0;
  /** The size that all gateways knew. */
  let agreed = Infinity;

  function count(now: number, size: number, oldestBeat: number): void {
    if (changedAt === 0 || size !== gateways.size) changedAt = now;
    else if (oldestBeat >= changedAt && now - changedAt >= 2 * beatMs) agreed = size;
    const isFirst = agreed === Infinity && size === 1;
    const phase = agreed === size ? 'settled' : isFirst ? 'alone' : 'changing';
    const divisor = Math.max(size, agreed);
    const isSame = size === gateways.size && divisor === gateways.divisor && phase === gateways.phase;
    if (isSame) return;
    gateways = { size, divisor, phase };
    gauge.set(divisor === Infinity ? 0 : divisor);
    onChange();
  }

  return {
    current: () => gateways,
    async beat() {
      const reply = await link.probe(() => script.run(redis, [key], [memberId, lifetimeBeats * beatMs]));
      if (reply) count(...reply);
    },
    async leave() {
      if (link.isUp()) await link.ask(() => redis.zrem(key, memberId));
    },
  };
}
