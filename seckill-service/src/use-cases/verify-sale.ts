import type { DataSource, EntityManager } from 'typeorm';
import { ledgerCount, type AuditedRow } from '../data/ledger-count';
import { operationLog } from '../data/operation-log';
import { saleRecordLog } from '../data/sale-record-log';
import type { Activity } from '../domain/activity';
import { controlled, createDigest, hashOf, noRecord, type SaleRecord } from '../domain/sale-record';
import { nothing, take, Wrong, type Batch, type Told } from '../domain/told-sale';

/** The first thing that is wrong; `seq` is that of the record, null where the ledger has what no record tells. */
export interface Finding {
  seq: number | null;
  what: string;
}

export interface Verdict {
  finding: Finding | undefined;
  /** The last record: whoever keeps it elsewhere can tell whether it is still there. */
  head: Pick<SaleRecord, 'seq' | 'hash'>;
  soldUnits: number;
  releasedUnits: number;
  admitted: number;
  /** Reservations of buyers of whom nobody can tell, because Redis had lost the waiting room, whether they were admitted. */
  unknownBuyers: number;
}

export interface WantedAudit {
  activityId: string;
  /** A head that was printed earlier. */
  knownHead?: Pick<SaleRecord, 'seq' | 'hash'> | undefined;
  onProgress?: (checked: { records: number; reservations: number }) => void;
}

type AuditedActivity = Pick<Activity, 'sold' | 'total' | 'perUserLimit' | 'controlStatus'> & {
  id: string;
  waitingRoom: string | null;
};

const recordsPerPage = 500;
const rowsPerPage = 5_000;

/**
 * Checks each link of an activity's record, then the ledger against what it tells: every reservation is in the batch that was recorded, with nothing
 * changed, and has given its units back exactly where that was recorded. All of it as it was at one moment, so that a running sale can be
 * verified, too. Undefined where there is no such activity.
 */
export async function verifySale(db: DataSource, wanted: WantedAudit): Promise<Verdict | undefined> {
  const runner = db.createQueryRunner();
  // Every read of such a transaction sees what its first one saw.
  await runner.startTransaction('REPEATABLE READ');
  try {
    return await verifyAt(runner.manager, wanted);
  } finally {
    await runner.rollbackTransaction();
    await runner.release();
  }
}

async function verifyAt(tx: EntityManager, wanted: WantedAudit): Promise<Verdict | undefined> {
  const { activityId, knownHead, onProgress } = wanted;
  const [activity] = await tx.query<AuditedActivity[]>(
    `SELECT id, sold, total, per_user_limit AS perUserLimit, control_status AS controlStatus, waiting_room AS waitingRoom
      FROM activities WHERE id = ?`,
    [activityId],
  );
  if (!activity) return undefined;
  const told = nothing();
  let head: Verdict['head'] = noRecord;
  let finding: Finding | undefined;
  try {
    for await (const record of chainOf(tx, activityId)) {
      assertFollows(record, head);
      assertKnownHead(record, knownHead);
      take(told, record);
      head = { seq: record.seq, hash: record.hash };
      if (record.seq % recordsPerPage === 0) onProgress?.({ records: record.seq, reservations: 0 });
    }
    if (knownHead && knownHead.seq > head.seq)
      throw new Wrong(head.seq + 1, 'removed: the record went on to the head that is known');
    await checkLedger(tx, told, {
      activity,
      onRows: (reservations) => onProgress?.({ records: head.seq, reservations }),
    });
    await checkOperations(tx, told, activityId);
    assertMade(activity, { ...told.made, sold: told.soldUnits - told.releasedUnits });
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    finding = { seq: error.seq, what: error.message };
  }
  const { soldUnits, releasedUnits, admitted, unknownBuyers } = told;
  return { finding, head, soldUnits, releasedUnits, admitted, unknownBuyers };
}

async function* chainOf(tx: EntityManager, activityId: string): AsyncGenerator<SaleRecord> {
  for (let afterSeq = 0; ;) {
    const page = await saleRecordLog.page(tx, activityId, { afterSeq, limit: recordsPerPage });
    yield* page;
    if (page.length < recordsPerPage) return;
    afterSeq = page.at(-1)?.seq ?? afterSeq;
  }
}

function assertFollows(record: SaleRecord, last: Pick<SaleRecord, 'seq' | 'hash'>): void {
  const { seq, previousHash, hash } = record;
  if (seq !== last.seq + 1) throw new Wrong(last.seq + 1, `removed: ${seq} follows ${last.seq}`);
  if (previousHash !== last.hash) throw new Wrong(seq, 'does not follow the record before it');
  if (hashOf(record) !== hash) throw new Wrong(seq, 'changed: its hash is not that of what it says');
}

function assertKnownHead({ seq, hash }: SaleRecord, known: WantedAudit['knownHead']): void {
  if (known?.seq === seq && known.hash !== hash)
    throw new Wrong(seq, 'is not the one whose hash is known: the chain was made anew at or before it');
}

/** Row by row in the order of their ids, so that what is held in memory is one digest a batch. */
async function checkLedger(
  tx: EntityManager,
  told: Told,
  { activity, onRows }: { activity: AuditedActivity; onRows: (rows: number) => void },
): Promise<void> {
  const { batches, released } = told;
  const hasRoom = activity.waitingRoom !== null || told.admitted > 0;
  const seen = new Map<string, { digest: ReturnType<typeof createDigest>; rows: number; units: number }>();
  const unreleased = new Map(released);
  let checked = 0;
  for (let afterId = '0'; ;) {
    const page = await ledgerCount.pageById(tx, activity.id, { afterId, limit: rowsPerPage });
    for (const row of page) {
      const batch = batches.get(row.batchId);
      if (!batch) throw new Wrong(null, `no record tells of reservation ${row.reservationId}`);
      assertStatus(row, batch, unreleased.get(row.reservationId));
      unreleased.delete(row.reservationId);
      if (hasRoom) assertAdmitted(told, row, batch);
      const sums = seen.get(row.batchId) ?? { digest: createDigest(), rows: 0, units: 0 };
      sums.digest.add(row);
      seen.set(row.batchId, { ...sums, rows: sums.rows + 1, units: sums.units + row.quantity });
    }
    checked += page.length;
    onRows(checked);
    if (page.length < rowsPerPage) break;
    afterId = page.at(-1)?.reservationId ?? afterId;
  }
  for (const [id, { seq, reservations, units, digest }] of batches) {
    const sums = seen.get(id);
    if (sums?.rows !== reservations || sums.units !== units || sums.digest.end() !== digest)
      throw new Wrong(seq, 'the ledger has other reservations than this batch was made of');
  }
  for (const [id, { seq }] of unreleased)
    throw new Wrong(seq, `releases reservation ${id}, which the ledger does not have`);
}

function assertStatus(
  { reservationId, status, quantity }: AuditedRow,
  batch: Batch,
  release: { seq: number; units: number } | undefined,
): void {
  if ((status === 'REJECTED') !== (batch.kind === 'REJECTED'))
    throw new Wrong(batch.seq, `reservation ${reservationId} is ${status} in the ledger`);
  if (status === 'RELEASED' && !release)
    throw new Wrong(batch.seq, `no record tells that reservation ${reservationId} was released`);
  if (release && (status !== 'RELEASED' || release.units !== quantity))
    throw new Wrong(
      release.seq,
      `reservation ${reservationId} is ${status} with ${quantity} units in the ledger`,
    );
}

/** Whoever has a purchase token was in the record before he got it, and so before his purchase was. */
function assertAdmitted(told: Told, { userId, reservationId }: AuditedRow, { seq }: Batch): void {
  if ((told.admittedBy.get(userId) ?? Number.POSITIVE_INFINITY) < seq) return;
  if (seq < told.roomLostAfter)
    throw new Wrong(seq, `user ${userId} bought (reservation ${reservationId}) and had not been admitted`);
  told.unknownBuyers += 1;
}

/** An operation is in the record from the moment at which it is in the ledger: one on stock later than it was written down, and perhaps never. */
async function checkOperations(tx: EntityManager, told: Told, activityId: string): Promise<void> {
  const left = new Map(told.operations);
  for (const operation of await operationLog.findOf(tx, activityId)) {
    const { id, kind, status } = operation;
    const record = left.get(id);
    left.delete(id);
    if (!record && (kind !== 'STOCK' || status === 'DONE'))
      throw new Wrong(null, `no record tells of operation ${id}`);
    const isSame = JSON.stringify(controlled(operation)) === JSON.stringify(record?.payload);
    if (record && (status === 'REFUSED' || !isSame))
      throw new Wrong(record.seq, `operation ${id} is another one in the ledger`);
  }
  for (const [id, { seq }] of left)
    throw new Wrong(seq, `tells of operation ${id}, which the ledger does not have`);
}

function assertMade(activity: AuditedActivity, made: Told['made'] & { sold: number }): void {
  for (const field of ['sold', 'total', 'perUserLimit', 'controlStatus'] as const)
    if (made[field] !== undefined && made[field] !== activity[field])
      throw new Wrong(null, `${field} of the activity is ${activity[field]}, of its record ${made[field]}`);
}
