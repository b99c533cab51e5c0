import { createRounds } from '../src/rounds';
import { silentLogger } from '../src/testing/logger';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const everyMs = 1_000;

test('a failure is logged when it begins, and the next round tries again', async () => {
  const logger = { ...silentLogger, warn: jest.fn() };
  const failed = new Error('away');
  const round = jest
    .fn<Promise<void>, []>()
    .mockRejectedValueOnce(failed)
    .mockRejectedValueOnce(failed)
    .mockResolvedValueOnce(undefined)
    .mockRejectedValueOnce(failed)
    .mockResolvedValue(undefined);
  const rounds = createRounds({ name: 'sweep', everyMs, round, logger });

  await rounds.start();
  await jest.advanceTimersByTimeAsync(5 * everyMs);
  await rounds.stop();

  expect(round).toHaveBeenCalledTimes(5);
  expect(logger.warn.mock.calls).toEqual([
    ['sweep failed, it comes back', { error: failed }],
    ['sweep failed, it comes back', { error: failed }],
  ]);
});

test('one at a time; who stops it waits for the round under way, and none follows', async () => {
  const { promise, resolve: end } = Promise.withResolvers<void>();
  const round = jest.fn(() => promise);
  const rounds = createRounds({ name: 'sweep', everyMs, round, logger: silentLogger });
  let isStopped = false;

  await rounds.start();
  await jest.advanceTimersByTimeAsync(3 * everyMs);
  const stopping = rounds.stop().then(() => (isStopped = true));
  await jest.advanceTimersByTimeAsync(everyMs);
  const before = isStopped;
  end();
  await stopping;

  expect(before).toBe(false);
  expect(round).toHaveBeenCalledTimes(1);
  expect(jest.getTimerCount()).toBe(0);
});
