import { environmentOf } from '../src/seckill';
import { seckillReport } from '../src/seckill/report';
import { sustainedMetrics } from '../src/seckill/sustained';
import type { SaleRound } from '../src/sale';
import { machine } from '../src/results';

test('the gateway has as many workers as were asked for, and each process that is profiled a file of its own', () => {
  const environment = environmentOf({ workers: 3, profile: ['gateway', 'order-service'] });

  expect(environment['gateway']).toMatchObject({ WORKERS: '3', VERIFIED_TOKENS_LIMIT: '1000000' });
  expect(environment['gateway']?.['NODE_OPTIONS']).toContain('--cpu-prof-name=gateway.${pid}.cpuprofile');
  expect(environment['order-service']?.['NODE_OPTIONS']).toContain('order-service.${pid}');
  expect(environmentOf({ workers: 1 })['gateway']).not.toHaveProperty('NODE_OPTIONS');
});

test('the report has the processor time of each process under the sustained load, beside its latencies', () => {
  const round = (used: number): SaleRound => ({
    accepted: 100,
    perSecond: 10,
    p50: 1.5,
    p99: 2.5,
    oversold: 0,
    failed: 0,
    drainSeconds: 3,
    processorTime: new Map([['order-service', used]]),
  });
  const rates = { gateway: 10, service: 20 };

  const metrics = sustainedMetrics({ gateway: round(70), service: round(80) }, { seconds: 10, rates });
  const report = seckillReport({
    name: 'seckill',
    commit: 'abc',
    measured_at: new Date().toISOString(),
    machine: machine(),
    versions: {},
    rounds: 1,
    metrics,
    conditions: [],
  });

  expect(metrics['sustained_gateway_cpu_us_per_purchase_order_service']).toBe(70);
  expect(report).toMatch(/sustained *│ *gateway │ *service │/);
  expect(report).toMatch(/p99 ms *│ *2.5 │ *2.5 │/);
  expect(report).toMatch(/cpu us per purchase order service *│ *70 │ *80 │/);
});
