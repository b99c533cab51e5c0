import type { LiveSigns, SaleUpkeep } from '../data/sale-upkeep';
import { isBefore } from '../data/stream-entries';
import { isBeingWarmedUp, type Activity } from '../domain/activity';
import { rebuildSale, type RebuildReason, type RebuildSale } from './rebuild-sale';

export interface SaleGuard {
  /** The relay has written down everything up to this entry. */
  note(activityId: string, recorded: Recorded): void;
  /** Rebuilds the sale when Redis has lost it. Returns whether it did. */
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

/** Looks whether Redis still has what it had: cheap enough for every second, and all that has to be seen that soon. */
export function createSaleGuard(deps: RebuildSale & { upkeep: Pick<SaleUpkeep, 'signs'> }): SaleGuard {
  const recordedOf = new Map<string, Recorded>();
  const rememberedAt = new Map<string, number>();

  function wasJustRemembered(activityId: string): boolean {
    const isRecent = Date.now() - (rememberedAt.get(activityId) ?? 0) < forgetfulRestMs;
    if (!isRecent) rememberedAt.set(activityId, Date.now());
    return isRecent;
  }

  return {
    note(activityId, recorded) {
      const before = recordedOf.get(activityId);
      if (before?.epoch === recorded.epoch && isBefore(recorded.entryId, before.entryId)) return;
      recordedOf.set(activityId, recorded);
    },
    async look(activity) {
      if (isBeingWarmedUp(activity, new Date())) return false;
      const signs = await deps.upkeep.signs(activity.id);
      const reason = reasonToRebuild(activity, signs, recordedOf.get(activity.id));
      if (reason === undefined || (reason === 'forgot-buyers' && wasJustRemembered(activity.id)))
        return false;
      return rebuildSale(deps, activity, reason);
    },
    forgetAllBut(activities) {
      const known = new Set(activities.map(({ id }) => id));
      for (const map of [recordedOf, rememberedAt])
        for (const id of map.keys()) if (!known.has(id)) map.delete(id);
    },
  };
}

function reasonToRebuild(
  { epoch, sold }: Activity,
  signs: LiveSigns,
  recorded: Recorded | undefined,
): RebuildReason | undefined {
  if (signs.epoch !== epoch) return 'lost';
  if (signs.stock === undefined || signs.stock < 0) return 'damaged';
  // Whoever has bought is remembered, also when it was given back.
  if (sold > 0 && signs.buyers === 0) return 'forgot-buyers';
  // A replica that took over, or a restart with an older file: the relay had read further than this Redis says.
  if (recorded?.epoch === epoch && isBefore(signs.lastRead ?? '0-0', recorded.entryId)) return 'went-back';
  return undefined;
}
