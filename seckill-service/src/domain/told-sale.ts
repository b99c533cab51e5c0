import type { Activity } from './activity';
import { rulesAfter } from './operation';
import {
  parsePayload,
  type Admitted,
  type Controlled,
  type NewRecord,
  type SaleRecord,
  type SoldBatch,
} from './sale-record';

export interface Batch extends SoldBatch {
  seq: number;
  kind: 'SOLD' | 'REJECTED';
}

/** What the record of a sale tells, as far as it was read. */
export interface Told {
  batches: Map<string, Batch>;
  released: Map<string, { seq: number; units: number }>;
  soldUnits: number;
  releasedUnits: number;
  admitted: number;
  /** Of whoever was admitted, by the record that tells it. */
  admittedBy: Map<string, number>;
  lastAdmission: { seq: number; room: number | undefined } | undefined;
  /** The last record before Redis lost the waiting room: after it some are admitted whom the record does not name. */
  roomLostAfter: number;
  unknownBuyers: number;
  operations: Map<string, { seq: number; payload: Controlled }>;
  /** What operations have made of the activity. */
  made: Partial<Pick<Activity, 'controlStatus' | 'perUserLimit' | 'total'>>;
}

export const nothing = (): Told => ({
  batches: new Map(),
  released: new Map(),
  soldUnits: 0,
  releasedUnits: 0,
  admitted: 0,
  admittedBy: new Map(),
  lastAdmission: undefined,
  roomLostAfter: Number.POSITIVE_INFINITY,
  unknownBuyers: 0,
  operations: new Map(),
  made: { controlStatus: 'OPEN' },
});

/** `seq` is null where no record is wrong, but what the ledger has. */
export class Wrong extends Error {
  constructor(
    readonly seq: number | null,
    what: string,
  ) {
    super(what);
  }
}

/** The next record, which must be possible after all before it. */
export function take(told: Told, { seq, kind, payload: text }: SaleRecord): void {
  const record: NewRecord | undefined = parsePayload(kind, text);
  if (!record) throw new Wrong(seq, 'tells nothing that a record can tell');
  switch (record.kind) {
    case 'SOLD':
    case 'REJECTED': {
      const { payload } = record;
      if (told.batches.has(payload.batch)) throw new Wrong(seq, 'tells of a batch that was recorded before');
      told.batches.set(payload.batch, { ...payload, seq, kind: record.kind });
      if (record.kind === 'SOLD') told.soldUnits += payload.units;
      return;
    }
    case 'RELEASED': {
      const { reservation, units } = record.payload;
      if (told.released.has(reservation))
        throw new Wrong(seq, `reservation ${reservation} is released twice`);
      told.released.set(reservation, { seq, units });
      told.releasedUnits += units;
      return;
    }
    case 'ADMITTED': {
      takeAdmitted(told, seq, record.payload);
      return;
    }
    case 'CONTROLLED': {
      const { payload } = record;
      const { operation } = payload;
      if (told.operations.has(operation)) throw new Wrong(seq, `tells of operation ${operation} twice`);
      told.operations.set(operation, { seq, payload });
      Object.assign(told.made, payload.kind === 'STOCK' ? { total: payload.total } : rulesAfter(payload));
      return;
    }
  }
}

function takeAdmitted(told: Told, seq: number, { from, to, room, users }: Admitted): void {
  const { admitted, lastAdmission: last } = told;
  const isOtherRoom = last !== undefined && last.room !== room;
  if (from !== admitted + 1 || to < (isOtherRoom ? admitted : from))
    throw new Wrong(seq, `admits ${from} to ${to}, after ${admitted}`);
  if (isOtherRoom || users.length < to - admitted)
    told.roomLostAfter = Math.min(told.roomLostAfter, last?.seq ?? 0);
  told.admitted = to;
  told.lastAdmission = { seq, room };
  for (const user of users) if (!told.admittedBy.has(user)) told.admittedBy.set(user, seq);
}
