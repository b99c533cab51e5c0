import { followUpBuckets, type Metrics } from '@onrush/chassis/metrics';

/** How long buyers wait for their orders. */
export interface CreationTimes {
  /** An order is in MySQL: that of a purchase which Redis accepted then, or of a cart that was sent then. */
  created(source: 'seckill' | 'cart', since: Date): void;
}

export function createCreationTimes(metrics: Metrics): CreationTimes {
  const duration = metrics.histogram(
    'order_create_duration_seconds',
    'Until an order is in MySQL: of a purchase since Redis accepted it, of a cart since the request began',
    ['source'],
    followUpBuckets,
  );
  // Finding the series by its labels costs more than the count, and orders come by the thousand.
  const series = {
    seckill: duration.labels({ source: 'seckill' }),
    cart: duration.labels({ source: 'cart' }),
  };
  return {
    // Redis has another clock.
    created: (source, since) => series[source].observe(Math.max(0, Date.now() - since.getTime()) / 1_000),
  };
}
