import type { LiveSigns, SaleUpkeep } from '../data/sale-upkeep';
import type { StockMoves } from '../data/stock-moves';
import { isBefore } from '../data/stream-entries';
import { isBeingWarmedUp, type Activity } from '../domain/activity';
import { salesOf } from '../domain/bucket';
import { hasForgotten } from '../domain/stock-look';
import { rebuildSale, type RebuildReason, type RebuildSale } from './rebuild-sale';

export interface SaleGuard {
  /** The relay has written down everything up to this entry of the stream of a live sale. */
  note(sale: string, recorded: Recorded): void;
  /** Rebuilds the sale when Redis has lost it, or one of its buckets. Returns whether it did. */
  look(activity: Activity): Promise<boolean>;
  /** Keeps nothing of other activities than these. */
  forgetAllBut(activities: Activity[]): void;
}

interface Recorded {
  epoch: number;
  entryId: string;
}

/** Where the ledger's counter has units that no row holds, there is nobody to remember, however often it is rebuilt. */
const forgetfulRestMs = 60_000;

export type GuardSale = RebuildSale & { upkeep: Pick<SaleUpkeep, 'signs'>; moves: StockMoves };

/**
 * Looks whether Redis still has what it had: cheap enough for every second, and all that has to be seen that soon. Units that somebody left on their way
 * between buckets come to where they belong.
 */
export function createSaleGuard(deps: GuardSale): SaleGuard {
  const recordedOf = new Map<string, Recorded>();
  const rememberedAt = new Map<string, number>();

  function wasJustRemembered(activityId: string): boolean {
    const isRecent = Date.now() - (rememberedAt.get(activityId) ?? 0) < forgetfulRestMs;
    if (!isRecent) rememberedAt.set(activityId, Date.now());
    return isRecent;
  }

  return {
    note(sale, recorded) {
      const before = recordedOf.get(sale);
      if (before?.epoch === recorded.epoch && isBefore(recorded.entryId, before.entryId)) return;
      recordedOf.set(sale, recorded);
    },
    async look(activity) {
      if (isBeingWarmedUp(activity, new Date())) return false;
      const looks = salesOf(activity).map(async (sale) => ({
        signs: await deps.upkeep.signs(sale),
        recorded: recordedOf.get(sale),
      }));
      const reason = reasonToRebuild(activity, await Promise.all(looks)) ?? (await mendMoves(deps, activity));
      if (reason === undefined || (reason === 'forgot-buyers' && wasJustRemembered(activity.id)))
        return false;
      return rebuildSale(deps, activity, reason);
    },
    forgetAllBut(activities) {
      const known = new Set(activities.flatMap((activity) => [activity.id, ...salesOf(activity)]));
      for (const map of [recordedOf, rememberedAt])
        for (const id of map.keys()) if (!known.has(id)) map.delete(id);
    },
  };
}

interface Look {
  signs: LiveSigns;
  recorded: Recorded | undefined;
}

function reasonToRebuild({ epoch, sold }: Activity, looks: Look[]): RebuildReason | undefined {
  if (looks.some(({ signs }) => signs.epoch !== epoch)) return 'lost';
  if (looks.some(({ signs: { stock } }) => stock === undefined || stock < 0)) return 'damaged';
  // Whoever has bought is remembered, also when it was given back.
  if (sold > 0 && looks.every(({ signs }) => signs.buyers === 0)) return 'forgot-buyers';
  // A replica that took over, or a restart with an older file: the relay had read further than this Redis says.
  const wentBack = looks.some(
    ({ signs, recorded }) => recorded?.epoch === epoch && isBefore(signs.lastRead ?? '0-0', recorded.entryId),
  );
  return wentBack ? 'went-back' : undefined;
}

/** Of one bucket, there is nothing on its way. */
async function mendMoves({ moves }: GuardSale, activity: Activity): Promise<RebuildReason | undefined> {
  if (activity.buckets === 1) return undefined;
  const look = await moves.look(activity);
  if (!look) return undefined;
  await moves.carryOn(look);
  const later = await moves.look(activity);
  return later && hasForgotten(look, later) ? 'went-back' : undefined;
}
