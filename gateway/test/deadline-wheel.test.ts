import { createDeadlineWheel, type Expiring } from '../src/upstream/deadline-wheel';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

async function create() {
  const wheel = createDeadlineWheel(Date.now);
  await wheel.start();
  const startedAt = Date.now();
  const entry = (): Expiring & { at: number[] } => {
    const at: number[] = [];
    return { dueTick: 0, place: -1, at, expire: () => void at.push(Date.now() - startedAt) };
  };
  return { wheel, entry };
}

test('each expires once, within 50 ms of its time, also far beyond one turn of the wheel', async () => {
  const { wheel, entry } = await create();
  const afterMs = [1, 49, 50, 120, 3_000, 12_799, 12_800, 60_000];
  const entries = afterMs.map(entry);
  entries.forEach((each, index) => wheel.add(each, afterMs[index] ?? 0));

  jest.advanceTimersByTime(120_000);

  for (const [index, { at }] of entries.entries()) {
    expect(at).toHaveLength(1);
    expect((at[0] ?? 0) - (afterMs[index] ?? 0)).toBeGreaterThanOrEqual(0);
    expect((at[0] ?? 0) - (afterMs[index] ?? 0)).toBeLessThanOrEqual(100);
  }
  await wheel.stop();
});

test('what is removed never expires, and what is added again does so at its new time only', async () => {
  const { wheel, entry } = await create();
  const [removed, moved] = [entry(), entry()];
  wheel.add(removed, 200);
  wheel.add(moved, 200);

  wheel.remove(removed);
  wheel.add(moved, 1_000);
  jest.advanceTimersByTime(30_000);

  expect(removed.at).toEqual([]);
  expect(moved.at).toHaveLength(1);
  expect(moved.at[0]).toBeGreaterThanOrEqual(1_000);
  await wheel.stop();
});

test('what another one of the same moment gives more time when it expires, expires later only', async () => {
  const { wheel, entry } = await create();
  const second = entry();
  const first = { ...entry(), expire: () => wheel.add(second, 1_000) };
  wheel.add(first, 200);
  wheel.add(second, 200);

  jest.advanceTimersByTime(30_000);

  expect(second.at).toHaveLength(1);
  expect(second.at[0]).toBeGreaterThanOrEqual(1_000);
  await wheel.stop();
});

test('that the process stood still is not held against who may have answered meanwhile', async () => {
  const { wheel, entry } = await create();
  const entries = [100, 5_000, 20_000].map((afterMs) => {
    const each = entry();
    wheel.add(each, afterMs);
    return each;
  });

  jest.setSystemTime(Date.now() + 30_000);
  jest.advanceTimersByTime(50);
  const atOnce = entries.map(({ at }) => at.length);
  jest.advanceTimersByTime(5_000);
  const later = entries.map(({ at }) => at.length);

  expect([atOnce, later]).toEqual([
    [1, 0, 0],
    [1, 1, 0],
  ]);
  await wheel.stop();
});
