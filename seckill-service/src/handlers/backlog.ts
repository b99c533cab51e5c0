import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import type { Backlog } from '../data/backlog';
import { activityOf } from '../domain/bucket';
import { saleOf } from './stream';

const readEveryMs = 1_000;

/** Shows how many purchases wait in Redis. It asks Redis alone: MySQL and Kafka may be what they wait for. */
export function createBacklogGauge(options: {
  backlog: Backlog;
  streams: () => string[];
  logger: Logger;
  metrics: Metrics;
}): Component {
  const { backlog, streams, logger } = options;
  let counts = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  options.metrics.gauge('seckill_backlog', 'Purchases that wait in Redis to be recorded', ['activity'], {
    ofWorkers: 'max',
    collect: (gauge) => {
      gauge.reset();
      for (const [sale, count] of counts) gauge.inc({ activity: activityOf(sale) }, count);
    },
  });

  async function read(): Promise<void> {
    try {
      counts = await backlog.read(streams().map(saleOf));
    } catch (error) {
      logger.debug('backlog not read', { error });
    }
  }

  return {
    name: 'backlog',
    start: () => {
      timer = setInterval(() => void read(), readEveryMs);
      return Promise.resolve();
    },
    stop: () => {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}
