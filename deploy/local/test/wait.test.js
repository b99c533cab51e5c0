'use strict';
const { waitUntil } = require('../wait');

const standStill = (ms) => {
  const until = Date.now() + ms;
  while (Date.now() < until);
};

test('waiting ends with the try that succeeds, with what it waits for, or with its time', async () => {
  const answers = [false, false, true];
  const never = () => Promise.resolve(false);

  expect(await waitUntil(() => Promise.resolve(answers.shift()), { limitMs: 60_000 })).toBe('succeeded');
  expect(answers).toEqual([]);
  expect(await waitUntil(never, { limitMs: 60_000, isAlive: () => false })).toBe('ended');
  expect(await waitUntil(never, { limitMs: 60 })).toBe('late');
});

test('what succeeded at its end succeeded', async () => {
  expect(await waitUntil(() => Promise.resolve(true), { limitMs: 0, isAlive: () => false })).toBe(
    'succeeded',
  );
});

test('time is up only after a try that began when it was', async () => {
  let tries = 0;
  // The whole process stands still for longer than the limit, with the first try under way.
  const attempt = () => {
    tries += 1;
    if (tries === 1) standStill(100);
    return Promise.resolve(tries > 1);
  };

  expect(await waitUntil(attempt, { limitMs: 20 })).toBe('succeeded');
});
