/** One line of an order's reservation. */
export interface StockLine {
  productId: string;
  quantity: number;
}

export type ReservationStatus = 'RESERVED' | 'CONFIRMED' | 'RELEASED';

/** Lines of the same product become one, in product order, so that all transactions lock rows in the same order. */
export function mergeLines(lines: StockLine[]): StockLine[] {
  const quantities = new Map<string, number>();
  for (const { productId, quantity } of lines)
    quantities.set(productId, (quantities.get(productId) ?? 0) + quantity);
  return [...quantities]
    .map(([productId, quantity]) => ({ productId, quantity }))
    .sort((one, other) => (BigInt(one.productId) < BigInt(other.productId) ? -1 : 1));
}
