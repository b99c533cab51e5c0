import type { Activity, ControlStatus } from './activity';

export type OperationStatus = 'PENDING' | 'DONE' | 'REFUSED';
export type RefusedBecause = 'NOT_ENOUGH_FREE_UNITS' | 'STOCK_SHORT' | 'NOT_WARMED_UP';

/** What an operator wants of a live sale. */
export type WantedChange =
  | { kind: 'PAUSE' | 'RESUME' | 'CLOSE' }
  | { kind: 'STOCK'; delta: number }
  /** Only from the version that was read. */
  | { kind: 'LIMIT'; limit: number; version: number };

export type OperationKind = WantedChange['kind'];

/** Operations on the same thing follow one another: at most one of a line is pending. Stock must not keep anybody from pausing. */
export type OperationLine = 'rules' | 'stock';

interface OperationFacts {
  id: string;
  activityId: string;
  /** Counts the operations of the activity. */
  revision: number;
  reason: string | null;
  /** The id of the user; `byItself` where nobody asked. */
  by: string;
  status: OperationStatus;
  refusedBecause: RefusedBecause | null;
  createdAt: Date;
  doneAt: Date | null;
}

export type RulesChange = { kind: 'PAUSE' | 'RESUME' | 'CLOSE' } | { kind: 'LIMIT'; limit: number };
export interface StockChange {
  kind: 'STOCK';
  delta: number;
  /** The units of the activity once it is done: the same, however often the operation is begun. */
  total: number;
}

export type StockOperation = OperationFacts & StockChange;
export type RulesOperation = OperationFacts & RulesChange;
/** One intervention, who wanted it and what came of it: the audit trail, and what a process that takes over goes by. */
export type Operation = RulesOperation | StockOperation;

/** What changes in Redis. */
export type LiveChange =
  | { field: 'status'; value: ControlStatus }
  | { field: 'limit'; value: number }
  | { field: 'stock'; value: number };

/** Who wants what the service does by itself: no user has this id. */
export const byItself = '0';

/** The largest number of units that the tables hold. */
export const mostUnits = 2_147_483_647;

const statusAfter = { PAUSE: 'PAUSED', RESUME: 'OPEN', CLOSE: 'CLOSED' } as const;

export const lineOf = (kind: OperationKind): OperationLine => (kind === 'STOCK' ? 'stock' : 'rules');

export function liveChangeOf(change: RulesChange | StockChange): LiveChange {
  switch (change.kind) {
    case 'STOCK':
      return { field: 'stock', value: change.delta };
    case 'LIMIT':
      return { field: 'limit', value: change.limit };
    case 'PAUSE':
    case 'RESUME':
    case 'CLOSE':
      return { field: 'status', value: statusAfter[change.kind] };
  }
}

/** What an operation changes, without who wanted it and what came of it. */
export function changeOf(operation: Operation): RulesChange | StockChange {
  switch (operation.kind) {
    case 'STOCK':
      return { kind: operation.kind, delta: operation.delta, total: operation.total };
    case 'LIMIT':
      return { kind: operation.kind, limit: operation.limit };
    case 'PAUSE':
    case 'RESUME':
    case 'CLOSE':
      return { kind: operation.kind };
  }
}

/** The part of the activity that such an operation changes. */
export function rulesAfter(change: RulesChange): Partial<Pick<Activity, 'controlStatus' | 'perUserLimit'>> {
  return change.kind === 'LIMIT'
    ? { perUserLimit: change.limit }
    : { controlStatus: statusAfter[change.kind] };
}

/** True when there is nothing to do. */
export function isAlreadySo(
  { controlStatus, perUserLimit }: Pick<Activity, 'controlStatus' | 'perUserLimit'>,
  wanted: WantedChange,
): boolean {
  if (wanted.kind === 'STOCK') return false;
  if (wanted.kind === 'LIMIT') return perUserLimit === wanted.limit;
  return controlStatus === statusAfter[wanted.kind];
}

/** A sale that is over changes no more; units that it did not sell can still be taken out, and closing it twice is no mistake. */
export function isTooLateFor(
  { controlStatus, endsAt }: Pick<Activity, 'controlStatus' | 'endsAt'>,
  wanted: WantedChange,
  now: Date,
): boolean {
  if (wanted.kind === 'STOCK' && wanted.delta < 0) return false;
  if (controlStatus === 'CLOSED') return wanted.kind !== 'CLOSE';
  return now >= endsAt;
}
