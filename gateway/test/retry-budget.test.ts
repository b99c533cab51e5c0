import { createRetryBudget } from '../src/upstream/retry-budget';

const budgetOf = () => {
  const clock = { ms: 50_000 };
  return { clock, budget: createRetryBudget({ now: () => clock.ms }) };
};

test('in a total outage, retries are a tenth of the calls and the reserve of one a second', () => {
  const { clock, budget } = budgetOf();
  let calls = 0;
  let retries = 0;

  for (let ms = 0; ms < 60_000; ms += 1) {
    clock.ms += 1;
    budget.deposit();
    calls += 1;
    // Every call fails, and wants to be tried twice more.
    if (budget.tryWithdraw()) retries += 1;
    if (budget.tryWithdraw()) retries += 1;
  }

  expect(retries).toBeLessThanOrEqual(calls * 0.1 + 7 * 10);
  expect(retries).toBeGreaterThan(calls * 0.09);
});

test('within any ten seconds, retries stay within a tenth and the reserve, also after a burst of calls', () => {
  const { clock, budget } = budgetOf();
  for (let call = 0; call < 1_000; call += 1) budget.deposit();

  const atOnce = Array.from({ length: 500 }, () => budget.tryWithdraw()).filter(Boolean).length;
  clock.ms += 30_000;
  const later = Array.from({ length: 500 }, () => budget.tryWithdraw()).filter(Boolean).length;

  expect(atOnce).toBe(110);
  expect(later).toBe(10);
});

test('a quiet gateway may retry', () => {
  const { budget } = budgetOf();
  budget.deposit();

  const granted = budget.tryWithdraw();

  expect(granted).toBe(true);
});
