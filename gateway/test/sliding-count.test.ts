import { createSlidingCount } from '../src/upstream/sliding-count';

const windowOf = () => {
  const clock = { ms: 1_000_000 };
  return { clock, count: createSlidingCount({ windowMs: 10_000, parts: 10, now: () => clock.ms }) };
};

test('what is older than the window is forgotten, part by part', () => {
  const { clock, count } = windowOf();
  count.add(3);
  clock.ms += 5_000;
  count.add(4);

  const within = count.total();
  clock.ms += 5_000;
  const firstGone = count.total();
  clock.ms += 5_000;
  const allGone = count.total();

  expect([within, firstGone, allGone]).toEqual([7, 4, 0]);
});

test('a pause of many windows leaves nothing behind', () => {
  const { clock, count } = windowOf();
  for (let second = 0; second < 10; second += 1) {
    count.add(1);
    clock.ms += 1_000;
  }

  clock.ms += 1_000_000;
  count.add(1);

  expect(count.total()).toBe(1);
});
