/**
 * A rehearsal and the people in it are known by their numbers: bit 62 is set. Snowflakes count milliseconds from 2024 in the bits from 22 on, so
 * that no other number has it before November 2058. Wherever a number goes, in an event, a row or a token, the mark goes with it.
 */
const mark = 1n << 62n;

/** The least number of a rehearsal; all others are below it. */
export const firstOfRehearsals = mark.toString();

/** The number with the mark. */
export const markForRehearsal = (id: string): string => (BigInt(id) | mark).toString();

/** Whether an activity or a user belongs to rehearsals. Costs next to nothing: numbers in use have 18 or 19 digits. */
export const isOfRehearsal = (id: string): boolean =>
  id.length === firstOfRehearsals.length && id >= firstOfRehearsals;
