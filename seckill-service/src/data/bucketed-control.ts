import { setTimeout as wait } from 'node:timers/promises';
import { deal, salesOf, type Split } from '../domain/bucket';
import type { LiveChange } from '../domain/operation';
import { mostUnitsBetween, unitsIn, type StockLook } from '../domain/stock-look';
import { errors } from '../errors';
import type { Buckets } from './buckets';
import type { ControlAnswer, SaleControl, SingleControl } from './sale-control';
import type { StockMoves } from './stock-moves';

const longestMs = 2_000;
const longestRestMs = 20;

/** Operations on activities as a whole, whatever number of buckets they have: each counts once in each bucket, and so once in all. */
export function createBucketedControl(deps: {
  control: SingleControl;
  buckets: Buckets;
  moves: StockMoves;
}): SaleControl {
  const { control, buckets, moves } = deps;

  async function applyForGood(sale: string, revision: number, change: LiveChange): Promise<ControlAnswer> {
    const answer = await control.apply(sale, revision, change);
    return answer === 'too-few-here' ? 'not-enough-free' : answer;
  }

  async function applyToAll(
    activity: Split,
    revision: number,
    changeOf: (bucket: number) => LiveChange,
  ): Promise<ControlAnswer> {
    let whole: ControlAnswer = 'applied';
    for (const [bucket, sale] of salesOf(activity).entries()) {
      const answer = await applyForGood(sale, revision, changeOf(bucket));
      if (answer !== 'applied') whole = answer;
    }
    return whole;
  }

  /**
   * Out of the first bucket, after the others have given it what it lacks. It refuses for good only after there was a moment at which all together had
   * too few; when buyers are always quicker, whoever carries the operation on tries again.
   */
  async function withdraw(activity: Split, revision: number, units: number): Promise<ControlAnswer> {
    const [first = activity.id] = salesOf(activity);
    const change: LiveChange = { field: 'stock', value: -units };
    const until = performance.now() + longestMs;
    for (let earlier: StockLook | undefined; performance.now() < until;) {
      const answer = await control.apply(first, revision, change, { othersMayHave: true });
      if (answer !== 'too-few-here') return answer;
      const look = await moves.look(activity);
      if (!look) throw comeBack('the live sale is being rebuilt');
      if (earlier && mostUnitsBetween(earlier, look) < units) break;
      if (unitsIn(look) >= units) await moves.bring(look, { sale: first, units });
      if (earlier) await wait(Math.random() * longestRestMs);
      earlier = look;
    }
    if (performance.now() >= until) throw comeBack('buyers were quicker');
    return applyForGood(first, revision, change);
  }

  return {
    async apply(activityId, revision, change) {
      const activity = await buckets.of(activityId);
      if (change.field !== 'stock') return applyToAll(activity, revision, () => change);
      if (activity.buckets > 1 && change.value < 0) return withdraw(activity, revision, -change.value);
      const dealt = deal(change.value, activity.buckets);
      return applyToAll(activity, revision, (bucket) => ({ field: 'stock', value: dealt[bucket] ?? 0 }));
    },
  };
}

const comeBack = (why: string) => errors.unavailable({ retryAfterSeconds: 1, meta: { why } });
