import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { ActivityRepository } from '../data/activity-repository';
import type { LiveSales } from '../data/live-sale';
import type { Activity } from '../domain/activity';
import { salesOf } from '../domain/bucket';

export interface UndrainedSales extends Component {
  /** Streams in which accepted purchases may still wait. */
  streams(): string[];
  /** The sales themselves, as the ledger had them a second ago. */
  activities(): Activity[];
  refresh(): Promise<void>;
}

const refreshMs = 1_000;
/** Redis sells by its own clock; ours may be ahead of it. */
const graceAfterEndMs = 5 * 60_000;

/** Keeps the list of sales that the relay looks after, and strikes off those that are over and empty. */
export function createUndrainedSales(options: {
  activities: ActivityRepository;
  sales: LiveSales;
  logger: Logger;
}): UndrainedSales {
  const { activities, sales, logger } = options;
  let streams: string[] = [];
  let last: Activity[] = [];
  let timer: NodeJS.Timeout | undefined;

  async function refresh(): Promise<void> {
    const undrained = await activities.findUndrained();
    last = undrained;
    streams = undrained.flatMap((activity) => salesOf(activity).map(sales.streamOf));
    for (const activity of undrained) {
      // In this order: what is over has got its last purchase before anybody looks at the stream.
      if ((await isOver(activity)) && (await isEmpty(activity))) await activities.markDrained(activity.id);
    }
  }

  /** Redis knows best whether it still sells: the ledger is told first of an operation that closes the sale. */
  async function isOver({ id, endsAt, controlStatus }: Activity): Promise<boolean> {
    if (endsAt.getTime() + graceAfterEndMs < Date.now()) return true;
    return controlStatus === 'CLOSED' && (await sales.read(id))?.status === 'CLOSED';
  }

  /** A stream that Redis lost is no empty one: what was in it may be on its way back. */
  async function isEmpty({ id, epoch }: Activity): Promise<boolean> {
    const live = await sales.read(id);
    if (live?.epoch !== epoch || live.isRebuilding) return false;
    return (await sales.waitingInStream(id)) === 0;
  }

  const refreshOrWarn = () =>
    refresh().catch((error: unknown) => logger.warn('list of live sales not refreshed', { error }));

  return {
    name: 'undrained sales',
    streams: () => streams,
    activities: () => last,
    refresh,
    start: async () => {
      await refresh();
      timer = setInterval(() => void refreshOrWarn(), refreshMs);
    },
    stop: () => {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}
