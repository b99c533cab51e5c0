import { percentile } from '@onrush/e2e/parallel';
import type { Connection } from '../connection';
import { withConnections } from '../connections';
import { countsOf, runLoad } from '../load';
import type { BenchResult } from '../results';
import { sell, type SaleRound } from '../sale';
import type { Stage } from '../stage';
import { gather, gatewayOf, purchasesOf, throughGateway } from './targets';

export interface SellOutOptions {
  /** Units, and buyers with one each. */
  units: number;
  connections: number;
}

export interface SellOut {
  sale: SaleRound;
  refusedPerSecond: number;
  refusedP99: number;
  wronglyAnswered: number;
}

/** As many buyers as units, at once; and then as many again, who are too late. */
export const measureSellOut = (stage: Stage, { units, connections }: SellOutOptions): Promise<SellOut> =>
  withConnections(gatewayOf(stage), connections, (opened) => sellOut(stage, opened, units));

async function sellOut(stage: Stage, connections: Connection[], units: number): Promise<SellOut> {
  const { say, step } = stage;
  const early = await gather(stage, connections, { count: units });
  let soldActivity = '';
  const sale = await step(`${units} units to ${units} buyers`, () =>
    sell(stage, {
      title: 'Bench sell-out',
      purchases: units,
      rush: (activityId) => {
        soldActivity = activityId;
        return throughGateway(early, (requests) => runLoad({ connections, requests }))(activityId);
      },
    }),
  );
  say(
    `    the last order is in MySQL ${(units / sale.perSecond + sale.drainSeconds).toFixed(1)} s after the first request`,
  );
  const late = await gather(stage, connections, { count: units, name: 'late buyers' });
  const requests = purchasesOf(soldActivity, late);
  const load = await step(`${units} late buyers`, () => runLoad({ connections, requests }));
  const { answered: refused, failed: wronglyAnswered } = countsOf(load, 409);
  const refusedPerSecond = refused / load.seconds;
  const refusedP99 = percentile(load.refusalLatencies, 0.99);
  say(
    `    ${Math.round(refusedPerSecond)} refusals/s, p99 ${refusedP99.toFixed(1)} ms, answered otherwise ${wronglyAnswered}`,
  );
  return { sale, refusedPerSecond, refusedP99, wronglyAnswered };
}

export const sellOutMetrics = (
  { sale, ...refused }: SellOut,
  { units }: SellOutOptions,
): BenchResult['metrics'] => ({
  sell_out_units: units,
  sell_out_purchases_per_second: Math.round(sale.perSecond),
  sell_out_seconds_to_last_order: units / sale.perSecond + sale.drainSeconds,
  refused_per_second: Math.round(refused.refusedPerSecond),
  refused_p99_ms: refused.refusedP99,
});
