import type { Metrics } from '@onrush/chassis/metrics';
import type { RefusalReason } from '../domain/purchase';

/** Why a purchase did not come about: what the script says, and what is said without it. */
export type FailReason = RefusalReason | (typeof ownReasons)[number];

const ownReasons = [
  'another-world',
  'sold-out-remembered',
  'queue-full',
  'too-late',
  'not-numbered',
  'redis-refused',
  'unknown',
] as const;
const scriptReasons: Record<RefusalReason, true> = {
  'not-warmed-up': true,
  'not-started': true,
  paused: true,
  ended: true,
  'sold-out': true,
  'over-limit': true,
  'idempotency-key-reused': true,
  'token-refused': true,
  backlog: true,
  undecided: true,
};
const reasons = [...ownReasons, ...Object.keys(scriptReasons)] as FailReason[];

export interface PurchaseCounts {
  requested(): void;
  accepted(purchases: number): void;
  failed(reason: FailReason, purchases?: number): void;
}

/** Plain numbers, which become metrics when somebody looks: of every purchase there is nothing to find by its labels. */
export function countPurchases(metrics: Metrics): PurchaseCounts {
  let requested = 0;
  let accepted = 0;
  const failed = Object.fromEntries(reasons.map((reason) => [reason, 0])) as Record<FailReason, number>;
  metrics.counter('seckill_request_total', 'Purchases that were asked for', [], (counter) => {
    counter.inc(requested);
    requested = 0;
  });
  metrics.counter('seckill_success_total', 'Purchases that were accepted', [], (counter) => {
    counter.inc(accepted);
    accepted = 0;
  });
  metrics.counter('seckill_fail_reason', 'Purchases that were refused, by reason', ['reason'], (counter) => {
    for (const reason of reasons) {
      counter.inc({ reason }, failed[reason]);
      failed[reason] = 0;
    }
  });
  return {
    requested: () => void (requested += 1),
    accepted: (purchases) => void (accepted += purchases),
    failed: (reason, purchases = 1) => void (failed[reason] += purchases),
  };
}
