import { createReading } from '../src/reading';

const clock = () => {
  let at = 0;
  return { now: () => at, pass: (ms: number) => void (at += ms) };
};

test('scrapes at the same time are one question, and so are those soon after', async () => {
  const { now, pass } = clock();
  let asked = 0;
  const reading = createReading({ read: () => Promise.resolve((asked += 1)), freshMs: 5_000, now });

  expect(await Promise.all([reading.latest(), reading.latest()])).toEqual([1, 1]);
  pass(4_999);
  expect(await reading.latest()).toBe(1);
  pass(1);
  expect(await reading.latest()).toBe(2);
});

test('a server that hangs holds nobody up, and is asked nothing more; its answer is shown when it is there', async () => {
  const answer = Promise.withResolvers<string>();
  let asked = 0;
  const read = () => {
    asked += 1;
    return answer.promise;
  };
  const reading = createReading({ read, freshMs: 0, patienceMs: 10 });

  expect(await reading.latest()).toBeUndefined();
  expect(await reading.latest()).toBeUndefined();
  expect(asked).toBe(1);
  answer.resolve('late');
  expect(await reading.latest()).toBe('late');
});

test('what was read is shown while the server is away, and not for ever', async () => {
  const { now, pass } = clock();
  let isAway = false;
  let asked = 0;
  const read = () => {
    asked += 1;
    return isAway ? Promise.reject(new Error('away')) : Promise.resolve('known');
  };
  const reading = createReading({ read, freshMs: 5_000, longestMs: 60_000, now });
  await reading.latest();
  isAway = true;

  pass(59_999);
  expect(await reading.latest()).toBe('known');
  expect(await reading.latest()).toBe('known');
  expect(asked).toBe(2);
  pass(1);
  expect(await reading.latest()).toBeUndefined();
  isAway = false;
  pass(5_000);
  expect(await reading.latest()).toBe('known');
});
