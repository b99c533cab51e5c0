import { createSharedReads } from '../src/shared-reads';

/** Reads that end when the test says so, by a clock that the test moves. */
function startReads(limit = 10) {
  let time = 0;
  const reads: { key: string; resolve: (value: string) => void; reject: (error: Error) => void }[] = [];
  const shared = createSharedReads({
    read: (key) => new Promise<string>((resolve, reject) => reads.push({ key, resolve, reject })),
    ttlMs: 100,
    limit,
    now: () => time,
  });
  return { shared, reads, pass: (ms: number) => (time += ms), keys: () => reads.map(({ key }) => key) };
}

test('whoever asks during a read shares it, however long it takes', async () => {
  const { shared, reads, pass } = startReads();

  const first = shared.get('a');
  pass(1_000);
  const second = shared.get('a');
  const other = shared.get('b');
  reads[0]?.resolve('one');
  reads[1]?.resolve('two');

  expect(await Promise.all([first, second, other])).toEqual(['one', 'one', 'two']);
  expect(reads).toHaveLength(2);
});

test('what was read is shown for its time, counted from the beginning of the read', async () => {
  const { shared, reads, pass } = startReads();
  const first = shared.get('a');
  pass(60);
  reads[0]?.resolve('old');
  await first;

  pass(39);
  expect(await shared.get('a')).toBe('old');
  pass(1);
  const next = shared.get('a');
  reads[1]?.resolve('new');

  expect(await next).toBe('new');
});

test('a failure is shared, and forgotten as soon as an answer would be', async () => {
  const { shared, reads, pass } = startReads();
  const first = shared.get('a');
  reads[0]?.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');

  await expect(shared.get('a')).rejects.toThrow('away');
  pass(100);
  const next = shared.get('a');
  reads[1]?.resolve('back');

  expect(await next).toBe('back');
});

test('what is forgotten is read again, also where a read is on its way', async () => {
  const { shared, reads } = startReads();
  const before = shared.get('a');
  shared.forget('a');
  const after = shared.get('a');
  reads[0]?.resolve('before');
  reads[1]?.resolve('after');

  expect(await before).toBe('before');
  expect(await after).toBe('after');
  expect(await shared.get('a')).toBe('after');
  shared.forget();
  void shared.get('a');
  expect(reads).toHaveLength(3);
});

test('of more keys than may be kept, the one read first is forgotten', async () => {
  const { shared, reads, keys } = startReads(2);
  for (const key of ['a', 'b', 'c']) {
    const found = shared.get(key);
    reads.at(-1)?.resolve(key);
    await found;
  }

  await shared.get('b');
  await shared.get('c');
  void shared.get('a');

  expect(keys()).toEqual(['a', 'b', 'c', 'a']);
});
