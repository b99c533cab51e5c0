import type { Metrics } from '@onrush/chassis/metrics';
import { createReading } from '@onrush/chassis/reading';
import type { LiveSales } from '../data/live-sale';
import type { Activity } from '../domain/activity';
import { shownSales } from '../domain/shown-sales';

interface Stock {
  /** What the ledger said of them a moment ago. */
  undrained: () => Activity[];
  sales: Pick<LiveSales, 'read'>;
  metrics: Metrics;
}

/** Shows what live sales have, and what is sold beyond. Returns whom to tell how many units the rows of the ledger are, once they were counted. */
export function showStock(stock: Stock): (activity: Activity, rows: number) => void {
  const shown = () => shownSales(stock.undrained(), new Date());
  const fromLedger = (name: string, help: string, unitsOf: (activity: Activity) => number) =>
    stock.metrics.gauge(name, help, ['activity'], {
      ofWorkers: 'max',
      collect: (gauge) => {
        gauge.reset();
        for (const activity of shown()) gauge.set({ activity: activity.id }, unitsOf(activity));
      },
    });
  fromLedger('seckill_stock_planned_units', 'Units of a live sale', ({ total }) => total);
  fromLedger('seckill_stock_sold_units', 'Units that the ledger holds for buyers', ({ sold }) => sold);
  showRemaining(stock, shown);
  return showOversold(stock);
}

function showRemaining({ sales, metrics }: Stock, shown: () => Activity[]): void {
  const remainingOf = async ({ id }: Activity) => [id, (await sales.read(id))?.remaining] as const;
  const reading = createReading({ read: () => Promise.all(shown().map(remainingOf)) });
  metrics.gauge('seckill_stock_remaining_units', 'Units that Redis has left to sell', ['activity'], {
    ofWorkers: 'max',
    async collect(gauge) {
      const remaining = new Map(await reading.latest());
      gauge.reset();
      for (const { id } of shown()) {
        const units = remaining.get(id);
        if (units !== undefined) gauge.set({ activity: id }, units);
      }
    },
  });
}

/** Above 0, somebody has bought what is not there. That the ledger's own sum is never above the total, MySQL sees to. */
function showOversold({ undrained, metrics }: Stock): (activity: Activity, rows: number) => void {
  const counted = new Map<string, number>();
  metrics.gauge('seckill_oversold_units', 'Units that are sold beyond what there is', [], {
    ofWorkers: 'max',
    collect: (gauge) => {
      const known = new Set(undrained().map(({ id }) => id));
      for (const id of counted.keys()) if (!known.has(id)) counted.delete(id);
      gauge.set([...counted.values()].reduce((sum, beyond) => sum + Math.max(0, beyond), 0));
    },
  });
  return ({ id, total }, rows) => void counted.set(id, rows - total);
}
