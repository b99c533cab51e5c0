import type { Component } from '@onrush/chassis/lifecycle';
import { createRounds } from '@onrush/chassis/rounds';
import { isBeingWarmedUp, type Activity } from '../domain/activity';
import { createSaleGuard, type GuardSale, type SaleGuard } from '../use-cases/guard-sale';
import type { Measurement } from '../use-cases/measure-stock';
import { newCourse, reconcileInTurn, type Course, type Reconcile } from '../use-cases/reconcile';

export interface Reconciler {
  components: Component[];
  guard: SaleGuard;
}

/** What repairs live sales by itself. Two of them, in two workers, do the same work twice and no harm. */
export function createReconciler(
  deps: Reconcile & GuardSale & { onCounted: (activity: Activity, rows: number) => void },
  times: { guardMs: number; reconcileSeconds: number },
): Reconciler {
  const { activities, logger, metrics } = deps;
  const guard = createSaleGuard(deps);
  const courses = new Map<string, Course>();
  const difference = metrics.gauge(
    'seckill_stock_difference',
    'Units that Redis would sell beyond what there is, or, below 0, that it does not offer',
    ['activity'],
    { ofWorkers: 'max' },
  );
  const seconds = metrics.histogram('seckill_reconciliation_seconds', 'Rounds of the reconciler');

  /** One that fails must not keep the others from it. */
  async function forEach(all: Activity[], work: (activity: Activity) => Promise<unknown>): Promise<void> {
    const failures: unknown[] = [];
    for (const activity of all) await work(activity).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'some live sales were not looked at');
  }

  async function look(): Promise<void> {
    const undrained = await activities.findUndrained();
    guard.forgetAllBut(undrained);
    await forEach(undrained, guard.look);
  }

  async function reconcileUndrained(): Promise<void> {
    const end = seconds.startTimer();
    const undrained = await activities.findUndrained();
    forgetDrained(undrained);
    await forEach(undrained, async (activity) => {
      if (isBeingWarmedUp(activity, new Date())) return;
      const course = courses.get(activity.id) ?? newCourse();
      courses.set(activity.id, course);
      const measured = await reconcileInTurn(deps, activity, course);
      if (measured) show(measured);
    });
    end();
  }

  function show({ activity, equation, ledger }: Measurement): void {
    if (equation) difference.set({ activity: activity.id }, equation.difference);
    if (ledger) deps.onCounted(activity, ledger.queued + ledger.ordered);
  }

  function forgetDrained(undrained: Activity[]): void {
    const known = new Set(undrained.map(({ id }) => id));
    for (const id of courses.keys()) {
      if (known.has(id)) continue;
      courses.delete(id);
      difference.remove({ activity: id });
    }
  }

  const rounds = [
    createRounds({ name: 'guard of live sales', everyMs: times.guardMs, round: look, logger }),
    createRounds({
      name: 'reconciler',
      everyMs: times.reconcileSeconds * 1_000,
      round: reconcileUndrained,
      logger,
    }),
  ];
  return { components: rounds, guard };
}
