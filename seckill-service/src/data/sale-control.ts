import type { Redis } from 'ioredis';
import { loadScript, type Keys } from '@onrush/chassis/redis';
import type { LiveChange } from '../domain/operation';
import { createAnnounce } from './announcements';

export type ControlAnswer = 'applied' | 'not-enough-free' | 'no-live-sale';

/** Operations on the live sale in Redis. */
export interface SaleControl {
  /** The same revision again changes nothing and is answered as before; an older one changes nothing. */
  apply(activityId: string, revision: number, change: LiveChange): Promise<ControlAnswer>;
}

const controlScript = loadScript<number>(__dirname, 'control-1.lua');

export function createSaleControl({ redis, keys }: { redis: Redis; keys: Keys }): SaleControl {
  const announce = createAnnounce({ redis, keys });
  return {
    async apply(activityId, revision, { field, value }) {
      const state = keys.tagged(`a:${activityId}`)('state');
      const reply = await controlScript.run(redis, [state], [field, revision, value]);
      if (reply < 0) return 'no-live-sale';
      announce(activityId);
      return reply === 1 ? 'applied' : 'not-enough-free';
    },
  };
}
