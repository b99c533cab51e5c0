import { createLoopDelay } from '../src/limits/loop-delay';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test('it tells how late the loop is, while it is and until the next tick', async () => {
  const probe = createLoopDelay(Date.now);
  await probe.start();
  jest.advanceTimersByTime(500);
  const atEase = probe.delayMs();

  jest.setSystemTime(Date.now() + 350);
  const behind = probe.delayMs();
  jest.advanceTimersByTime(50);
  const justAfter = probe.delayMs();
  jest.advanceTimersByTime(50);
  const later = probe.delayMs();

  expect([atEase, behind, justAfter, later]).toEqual([0, 300, 350, 0]);
  await probe.stop();
  expect(probe.delayMs()).toBe(0);
});
