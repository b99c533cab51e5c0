import type { DataSource } from 'typeorm';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import type { Outbox } from '@onrush/chassis/outbox';
import type { ActivityRepository } from '../data/activity-repository';
import { ledgerCount } from '../data/ledger-count';
import { valuesPerPurchase, type AcceptedBatch } from '../data/live-sale';
import type { LiveEpoch, Progress, SaleUpkeep } from '../data/sale-upkeep';
import { isBefore } from '../data/stream-entries';
import { activityOf } from '../domain/bucket';
import type { KeptPurchase } from '../domain/reservation';
import { noteRepair } from './note-repair';
import { reject } from './record-purchases';

export interface KeepAccepted {
  db: DataSource;
  activities: ActivityRepository;
  /** On the connection that purchases are decided on: it answers for the server that has them. */
  upkeep: Pick<SaleUpkeep, 'progress' | 'adopt'>;
  outbox: Outbox;
  logger: Logger;
  metrics: Metrics;
  /** The most purchases that are kept; beyond it, the oldest are not. */
  limit: number;
}

/** Purchases that this process has accepted, and that perhaps nobody has but Redis. */
export interface AcceptedPurchases {
  keep(batch: AcceptedBatch): void;
  /** The connection is another one now, and with it perhaps the server: what it says of the stream tells nothing of what was accepted before. */
  doubt(): void;
  /** Forgets what is in the ledger, and hands over again what Redis has lost. */
  check(): Promise<void>;
  size(): number;
}

interface KeptBatch {
  sale: string;
  epoch: number;
  entryId: string;
  isDoubtful: boolean;
  purchases: number;
  /** One flat text instead of thousands of objects, which V8 would have to look after for seconds. */
  text: string;
}

const mostTogether = 1_000;

/**
 * Redis tells a buyer yes before MySQL knows. Until the ledger has a purchase, the process that gave the answer keeps it. The ledger is asked when its
 * entry has left the stream: nearly always it is there. It is asked as well when there is another epoch, since Redis had lost something. What it does
 * not have goes into the stream again, in a new epoch while the rebuilt sale is still closed.
 */
export function createAcceptedPurchases(deps: KeepAccepted): AcceptedPurchases {
  const { upkeep, limit } = deps;
  let kept: KeptBatch[] = [];
  let purchases = 0;

  function keep({ sale, epoch, entryId, values }: AcceptedBatch): void {
    const count = values.length / valuesPerPurchase;
    const text = values.join(',');
    kept.push({ sale, epoch, entryId, isDoubtful: false, purchases: count, text });
    purchases += count;
    while (purchases > limit) purchases -= kept.shift()?.purchases ?? 0;
  }

  /** One bucket whose server is away must not keep the others from it. */
  async function check(): Promise<void> {
    const failures: unknown[] = [];
    for (const sale of new Set(kept.map((batch) => batch.sale)))
      await checkSale(sale).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'some live sales were not asked');
  }

  async function checkSale(sale: string): Promise<void> {
    const progress = await upkeep.progress(sale);
    // Lost, or being rebuilt: whoever rebuilds it will tell by a new epoch.
    if (!progress) return;
    const own = kept.filter((batch) => batch.sale === sale);
    await handOver(
      { sale, epoch: progress.epoch },
      own.filter((batch) => batch.isDoubtful || batch.epoch !== progress.epoch || hasLeft(batch, progress)),
    );
  }

  function drop(batches: KeptBatch[]): void {
    const gone = new Set(batches);
    kept = kept.filter((batch) => {
      if (gone.has(batch)) purchases -= batch.purchases;
      return !gone.has(batch);
    });
  }

  async function handOver(live: LiveEpoch, batches: KeptBatch[]): Promise<void> {
    let amount = 0;
    for (const part of inParts(batches)) amount += await handOverPart(live, part);
    const activity = { id: activityOf(live.sale), epoch: live.epoch };
    await noteRepair(deps, activity, { kind: 'handed-over', amount, reason: 'lost by Redis' });
  }

  /** Kept until the ledger has them: what goes into the new epoch's stream can be lost like what was in the old one's. */
  async function handOverPart({ sale, epoch }: LiveEpoch, batches: KeptBatch[]): Promise<number> {
    const missing = await missingOf(deps.db, batches);
    if (missing.length === 0) {
      drop(batches);
      return 0;
    }
    const adoption = await upkeep.adopt({ sale, epoch }, missing, { intoStream: true });
    if (!adoption) return 0;
    for (const purchase of adoption.overLimit)
      await reject(deps, activityOf(sale), { purchase, reason: 'over-limit' });
    const { entryId } = adoption;
    // Without one the ledger has them by now, or Redis has forgotten their entry alone: the next look tells which.
    if (entryId !== undefined)
      for (const batch of batches) Object.assign(batch, { epoch, entryId, isDoubtful: false });
    return adoption.adopted.length;
  }

  return {
    keep,
    doubt: () => {
      for (const batch of kept) batch.isDoubtful = true;
    },
    check,
    size: () => purchases,
  };
}

/** As many together as one run of a script takes. */
function inParts(batches: KeptBatch[]): KeptBatch[][] {
  const parts: KeptBatch[][] = [];
  let purchases = mostTogether;
  for (const batch of batches) {
    purchases += batch.purchases;
    if (purchases <= mostTogether) {
      parts.at(-1)?.push(batch);
    } else {
      parts.push([batch]);
      purchases = batch.purchases;
    }
  }
  return parts;
}

/** The relay has read past it, and it is not in the stream: it is in the ledger, or somebody took the stream away. */
const hasLeft = (batch: KeptBatch, { firstEntryId, lastRead }: Progress): boolean =>
  lastRead !== undefined &&
  !isBefore(lastRead, batch.entryId) &&
  (firstEntryId === undefined || isBefore(batch.entryId, firstEntryId));

/** What the ledger does not have. It may have got the last of them between the two questions. */
async function missingOf({ manager }: DataSource, batches: KeptBatch[]): Promise<KeptPurchase[]> {
  const ids = batches.flatMap(({ text }) => reservationIdsFrom(text));
  if (await ledgerCount.hasAll(manager, ids)) return [];
  const known = await ledgerCount.findKnown(manager, ids);
  return batches
    .flatMap(({ text }) => purchasesFrom(text))
    .filter(({ reservationId }) => !known.has(reservationId));
}

const reservationIdAt = 3;

const reservationIdsFrom = (text: string): string[] =>
  text.split(',').filter((_, index) => index % valuesPerPurchase === reservationIdAt);

function purchasesFrom(text: string): KeptPurchase[] {
  const values = text.split(',');
  return Array.from({ length: values.length / valuesPerPurchase }, (_, index) => {
    const from = index * valuesPerPurchase;
    const [userId = '', quantity = '', key = '', reservationId = '', orderNo = ''] = values.slice(
      from,
      from + valuesPerPurchase,
    );
    return { userId, quantity: Number(quantity), key, reservationId, orderNo };
  });
}
