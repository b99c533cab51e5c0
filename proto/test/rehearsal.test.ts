import { firstOfRehearsals, isOfRehearsal, markForRehearsal } from '../src/rehearsal';

const before = String(BigInt(firstOfRehearsals) - 1n);
/** The last snowflake of October 2058. */
const late = String((BigInt(Date.UTC(2058, 10, 1) - Date.UTC(2024, 0, 1)) << 22n) - 1n);

test.each(['1', '42', '379000000000000000', late, before, '99999999999999999999'])(
  '%s is no number of a rehearsal',
  (id) => expect(isOfRehearsal(id)).toBe(false),
);

test.each(['1', '379000000000000000', late])('%s becomes one by its mark, and one that fits int64', (id) => {
  const marked = markForRehearsal(id);

  expect(isOfRehearsal(marked)).toBe(true);
  expect(BigInt(marked) & ~BigInt(firstOfRehearsals)).toBe(BigInt(id));
  expect(BigInt(marked) < 1n << 63n).toBe(true);
  expect(markForRehearsal(marked)).toBe(marked);
});
