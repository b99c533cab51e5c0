import type { Redis } from 'ioredis';
import { loadScript, type Keys } from '@onrush/chassis/redis';
import type { LiveChange } from '../domain/operation';
import { createAnnounce } from './announcements';
import { saleKey } from './live-sale';

export type ControlAnswer = 'applied' | 'not-enough-free' | 'no-live-sale';

/** Operations on the live sale in Redis. */
export interface SaleControl {
  /** The same revision again changes nothing and is answered as before; an older one changes nothing. */
  apply(activityId: string, revision: number, change: LiveChange): Promise<ControlAnswer>;
}

/** Operations on one live sale: of an activity, or of a bucket. */
export interface SingleControl {
  /** With `othersMayHave`, units that are not free here are no reason to refuse for good: 'too-few-here', and nothing noted. */
  apply(
    sale: string,
    revision: number,
    change: LiveChange,
    options?: { othersMayHave: boolean },
  ): Promise<ControlAnswer | 'too-few-here'>;
}

const controlScript = loadScript<number>(__dirname, 'control-1.lua');

const answers: Record<number, ControlAnswer | 'too-few-here'> = {
  '1': 'applied',
  '0': 'not-enough-free',
  '-1': 'no-live-sale',
  '-2': 'too-few-here',
};

export function createSaleControl({ redis, keys }: { redis: Redis; keys: Keys }): SingleControl {
  const announce = createAnnounce({ redis, keys });
  return {
    async apply(sale, revision, { field, value }, { othersMayHave } = { othersMayHave: false }) {
      const args = [field, revision, value, othersMayHave ? 1 : 0];
      const answer = answers[await controlScript.run(redis, [saleKey(keys, sale, 'state')], args)];
      if (!answer) throw new Error('control-1.lua answered what it does not answer');
      if (answer === 'applied' || answer === 'not-enough-free') announce(sale);
      return answer;
    },
  };
}
