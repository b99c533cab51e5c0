import { percentile } from '@onrush/e2e/parallel';
import { countsOf, runLoad } from '../load';
import { processesOf } from '../processor-time';
import type { BenchResult } from '../results';
import { sell, type SaleRound } from '../sale';
import type { Stage } from '../stage';
import { signCrowd, type CrowdBuyer } from './crowd';
import { arrive, gatewayOf, purchasesOf, throughGateway } from './targets';

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
export async function measureSellOut(stage: Stage, options: SellOutOptions): Promise<SellOut> {
  const { units, connections } = options;
  const { say, step } = stage;
  const arriving = (name: string) =>
    step(`${units} ${name} arrive`, async () => {
      const crowd = await signCrowd(stage, units);
      await arrive(stage, crowd);
      return crowd;
    });
  const early = await arriving('buyers');
  let soldActivity = '';
  const sale = await step(`${units} units to ${units} buyers`, () =>
    sell(stage, {
      title: 'Bench sell-out',
      purchases: units,
      perUserLimit: 1,
      processes: processesOf(stage.fleet),
      rush: (activityId) => {
        soldActivity = activityId;
        return throughGateway(stage, early, (load) => runLoad({ ...load, connections }))(activityId);
      },
    }),
  );
  say(
    `    the last order is in MySQL ${(units / sale.perSecond + sale.drainSeconds).toFixed(1)} s after the first request`,
  );
  const late = await arriving('late buyers');
  const refused = await step(`${units} late buyers`, () =>
    refuse(stage, { activityId: soldActivity, late, connections }),
  );
  say(
    `    ${Math.round(refused.refusedPerSecond)} refusals/s, p99 ${refused.refusedP99.toFixed(1)} ms, answered otherwise ${refused.wronglyAnswered}`,
  );
  return { sale, ...refused };
}

async function refuse(
  stage: Stage,
  { activityId, late, connections }: { activityId: string; late: CrowdBuyer[]; connections: number },
): Promise<Omit<SellOut, 'sale'>> {
  const requests = purchasesOf(activityId, late);
  const load = await runLoad({ ...gatewayOf(stage), connections, requests });
  return {
    refusedPerSecond: countsOf(load, 409).answered / load.seconds,
    refusedP99: percentile(load.refusalLatencies, 0.99),
    wronglyAnswered: countsOf(load, 409).failed,
  };
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
