export interface WaitingRing<T> {
  /** How many wait. */
  readonly size: number;
  /** Returns its number, an unsigned integer of 32 bits: the one after that of the last. */
  add(item: T): number;
  /** Takes it out, where it still waits. */
  take(number: number): T | undefined;
  /** Takes out the one that has waited longest. */
  takeOldest(): T | undefined;
  oldest(): T | undefined;
}

const firstCapacity = 1_024;

/**
 * What waits, under numbers given in turn: a ring, twice as large whenever the oldest is a whole turn behind. A Map would do the same, but each
 * table that a Map outgrows points to its successor, for the iterators. Once one of them is old, V8's young collections keep all that come
 * after it, and whatever waited in them: every purchase was carried to the old generation, dead (a quarter of what it cost).
 */
export function createWaitingRing<T>(firstNumber = 0): WaitingRing<T> {
  let slots = new Array<T | undefined>(firstCapacity).fill(undefined);
  let first = firstNumber;
  let next = firstNumber;
  let size = 0;
  const placeOf = (number: number) => number & (slots.length - 1);
  const span = () => (next - first) >>> 0;

  function grow(): void {
    const old = slots;
    slots = new Array<T | undefined>(old.length * 2).fill(undefined);
    for (let i = 0; i < old.length; i += 1) slots[placeOf(first + i)] = old[(first + i) & (old.length - 1)];
  }

  function take(number: number): T | undefined {
    // A number of the turn before this one is nobody's.
    if ((number - first) >>> 0 >= span()) return undefined;
    const item = slots[placeOf(number)];
    if (item === undefined) return undefined;
    slots[placeOf(number)] = undefined;
    size -= 1;
    while (first !== next && slots[placeOf(first)] === undefined) first = (first + 1) >>> 0;
    return item;
  }

  return {
    get size() {
      return size;
    },
    add(item) {
      if (span() === slots.length) grow();
      const number = next;
      slots[placeOf(number)] = item;
      next = (next + 1) >>> 0;
      size += 1;
      return number;
    },
    take,
    takeOldest: () => take(first),
    oldest: () => (size === 0 ? undefined : slots[placeOf(first)]),
  };
}
