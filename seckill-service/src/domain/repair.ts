/**
 * rebuilt: the live sale is a new epoch, counted from the ledger. released: units that the ledger had given back, and Redis still held.
 * remembered: what buyers hold, and Redis had forgotten. handed-over: accepted purchases that Redis lost before they were in the ledger, by the
 * process that had accepted them. republished: reservations that had no order yet.
 */
export const repairKinds = ['rebuilt', 'released', 'remembered', 'handed-over', 'republished'] as const;
export type RepairKind = (typeof repairKinds)[number];

export interface Repair {
  kind: RepairKind;
  /** Of `rebuilt` 1, of the others how many reservations. */
  amount: number;
  /** Why: `lost`, `difference` … */
  reason: string;
  epoch: number;
  at: Date;
}
