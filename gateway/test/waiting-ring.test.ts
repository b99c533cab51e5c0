import { createWaitingRing } from '../src/upstream/waiting-ring';

test('numbers come in turn, and each is taken once', () => {
  const ring = createWaitingRing<string>();
  expect([ring.add('a'), ring.add('b'), ring.add('c')]).toEqual([0, 1, 2]);

  expect(ring.take(1)).toBe('b');
  expect(ring.take(1)).toBeUndefined();
  expect(ring.take(3)).toBeUndefined();
  expect(ring.size).toBe(2);
});

test('the oldest is the one that has waited longest, also when those between have left', () => {
  const ring = createWaitingRing<string>();
  for (const name of ['a', 'b', 'c', 'd']) ring.add(name);
  ring.take(1);
  ring.take(2);

  expect(ring.oldest()).toBe('a');
  expect(ring.takeOldest()).toBe('a');
  expect(ring.oldest()).toBe('d');
  expect(ring.takeOldest()).toBe('d');
  expect([ring.oldest(), ring.takeOldest(), ring.size]).toEqual([undefined, undefined, 0]);
});

test('one that waits for long makes room for as many as come after it', () => {
  const ring = createWaitingRing<number>();
  for (let i = 0; i < 10_000; i += 1) {
    expect(ring.add(i)).toBe(i);
    if (i > 0 && i % 2 === 0) expect(ring.take(i)).toBe(i);
  }

  expect(ring.size).toBe(5_001);
  expect(ring.takeOldest()).toBe(0);
  for (let i = 1; i < 10_000; i += 2) expect(ring.takeOldest()).toBe(i);
  expect(ring.size).toBe(0);
});

test('an answer that is a whole turn late is not taken for another one’s', () => {
  const ring = createWaitingRing<number>();
  for (let i = 0; i < 1_024; i += 1) ring.add(i);
  while (ring.size > 0) ring.takeOldest();
  const number = ring.add(-1);

  expect(ring.take(number - 1_024)).toBeUndefined();
  expect(ring.take(number)).toBe(-1);
});

test.each([2 ** 32 - 700, 2 ** 31 - 700])('numbers stay unsigned and go round (from %d)', (start) => {
  const ring = createWaitingRing<number>(start);
  const numbers = Array.from({ length: 3_000 }, (_, i) => ring.add(i));

  expect(numbers).toEqual(Array.from({ length: 3_000 }, (_, i) => (start + i) % 2 ** 32));
  expect(ring.take(numbers[2_000] as number)).toBe(2_000);
  for (let i = 0; i < 2_000; i += 1) expect(ring.takeOldest()).toBe(i);
  expect(ring.oldest()).toBe(2_001);
});
