/** Where the units of an activity are, all at one moment. */
export interface StockCount {
  total: number;
  /** For sale in Redis. */
  free: number;
  /** Accepted by Redis, and not in the ledger yet. */
  inStream: number;
  /** Queued or ordered in the ledger. */
  held: number;
  /** Released by the ledger, and still held in Redis. */
  returning: number;
}

/** `total = free + inStream + held + returning`, and by how much it is not so. */
export interface StockEquation extends StockCount {
  /** Above 0: Redis would sell units that are not there. Below 0: units that are there are for sale nowhere. */
  difference: number;
  /** Accepted beyond the total, so that MySQL will reject as many: Redis can have nothing free then. */
  excess: number;
}

export function stockEquation(count: StockCount): StockEquation {
  const { total, free, inStream, held, returning } = count;
  const taken = inStream + held + returning;
  return { ...count, difference: free - Math.max(0, total - taken), excess: Math.max(0, taken - total) };
}
