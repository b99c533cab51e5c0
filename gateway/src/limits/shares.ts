import type { Gateways } from './gateways';
import type { TokenBucket } from './limits';

/** A part of a token bucket: tokens a second, and the most that it holds. */
export interface Share {
  rate: number;
  burst: number;
}

export interface Shares {
  /** This gateway's own. */
  local: Share;
  /** In Redis, for all gateways. */
  shared: Share;
  /** Tokens that one lease asks for where nobody waits for more. */
  chunk: number;
  /** The most tokens that all gateways together hold in leases. */
  heldMost: number;
}

const localPart = 0.5;
const chunkPart = 0.1;
/** A bucket that takes longer to fill is kept in Redis whole: a share that starts empty would be missing for as long. */
const longestFillSeconds = 30;

/**
 * How a bucket is divided: half of it over the gateways, the rest in Redis. The parts of all of them never add up to more than the limit: what
 * rounding leaves goes to Redis, and only when all gateways count alike. Until they do, each takes the smaller part.
 */
export function sharesOf({ rate, burst }: TokenBucket, gateways: Gateways, isRedisUp: boolean): Shares {
  const part = (tokens: number): Share => ({ rate: (rate * tokens) / burst, burst: tokens });
  if (!isRedisUp)
    return { local: part(Math.floor(burst / gateways.divisor)), shared: part(0), chunk: 0, heldMost: 0 };
  const isLocal = gateways.phase !== 'alone' && burst / rate <= longestFillSeconds;
  const local = isLocal ? Math.floor((burst * localPart) / gateways.divisor) : 0;
  const handedOut =
    isLocal && gateways.phase === 'changing'
      ? Math.floor(burst * localPart)
      : local && local * gateways.divisor;
  const shared = burst - handedOut;
  // All leases together are at most half of what is in Redis, so that those who hold none find something.
  const chunk = Math.max(1, Math.floor(shared * Math.min(chunkPart, 0.5 / gateways.size)));
  return { local: part(local), shared: part(shared), chunk, heldMost: chunk * gateways.size };
}
