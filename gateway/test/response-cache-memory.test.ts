import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { eventually } from '@onrush/chassis/testing/wait';
import type { Hit } from '../src/cache/response-cache';
import { answerOf, cacheFixture, now, playService, rule, textOf } from './cache-fixture';

describe('memory', () => {
  const kilobyte = (text: string) => answerOf(text.padEnd(1_024, '.'));

  test('is bounded; what was not asked for the longest goes first', async () => {
    const { cache, bytes, entries } = cacheFixture(32_768);
    for (let n = 0; n < 10; n += 1) await cache.get(`k${n}`, rule, now(kilobyte(String(n))));
    const before = await entries();
    for (let n = 10; n < 1_000; n += 1) {
      void cache.get('k0', rule, now(kilobyte('not loaded')));
      await cache.get(`k${n}`, rule, now(kilobyte(String(n))));
    }

    expect(before).toBe(10);
    expect(await bytes()).toBeLessThanOrEqual(32_768);
    expect(await entries()).toBeGreaterThan(10);
    expect(textOf(cache.get('k0', rule, now(kilobyte('x')))).startsWith('0')).toBe(true);
    expect(cache.get('k1', rule, now(kilobyte('x')))).toBeInstanceOf(Promise);
  });

  test('one answer that is larger than all of it is not kept, and pushes nothing out', async () => {
    const { cache, entries } = cacheFixture(32_768);
    await cache.get('k', rule, now(answerOf('a')));

    await cache.get('large', rule, now(answerOf('.'.repeat(32_768))));

    expect(await entries()).toBe(1);
    expect(cache.get('k', rule, now(answerOf('b')))).toMatchObject({ outcome: 'hit' });
    cache.purge('products');
    expect(await entries()).toBe(0);
  });

  test('what is not there is remembered for a second, and pushes out nothing that is', async () => {
    const { cache, pass, bytes } = cacheFixture(65_536);
    const missing = now(answerOf('{}', { status: 404 }));
    await cache.get('there', rule, now(answerOf('a')));
    for (let n = 0; n < 1_000; n += 1) await cache.get(`missing${n}`, rule, missing);

    const again = cache.get('missing999', rule, missing);
    const there = cache.get('there', rule, missing);
    pass(1_000);
    const later = cache.get('missing999', rule, missing);

    expect(again).toMatchObject({ outcome: 'hit', answer: { status: 404 } });
    expect(there).toMatchObject({ outcome: 'hit', answer: { status: 200 } });
    expect(later).toBeInstanceOf(Promise);
    expect(await bytes()).toBeLessThanOrEqual(65_536);
  });

  test('a kept piece of a large buffer does not keep the rest', async () => {
    const { cache } = cacheFixture();
    await cache.get('k', rule, now(answerOf('', { body: Buffer.alloc(65_536).subarray(0, 10) })));

    const hit = cache.get('k', rule, now(answerOf(''))) as Hit;

    expect(hit.answer.body.buffer.byteLength).toBe(10);
  });
});

describe('gzip', () => {
  const long = 'onrush '.repeat(1_000);

  test('is made once, for the first that asks, and counted', async () => {
    const { cache, bytes } = cacheFixture();
    await cache.get('k', rule, now(answerOf(long)));
    const hit = cache.get('k', rule, now(answerOf(''))) as Hit;
    const before = await bytes();

    const first = cache.gzipOf('k', hit);
    const zipped = await eventually(() => cache.gzipOf('k', hit));

    expect(first).toBeUndefined();
    expect(gunzipSync(zipped).toString()).toBe(long);
    expect(cache.gzipOf('k', cache.get('k', rule, now(answerOf(''))) as Hit)).toBe(zipped);
    expect((await bytes()) - before).toBe(zipped.length);
    expect(zipped.buffer.byteLength).toBe(zipped.length);
    cache.purge('products');
    expect(await bytes()).toBe(0);
  });

  test('that is ready after a purge does not bring the old answer back', async () => {
    const { cache, entries } = cacheFixture();
    for (const key of ['purged', 'replaced', 'marker'])
      await cache.get(key, rule, now(answerOf(long, { tags: [key] })));
    const gzipOf = (key: string) => cache.gzipOf(key, cache.get(key, rule, now(answerOf(''))) as Hit);
    gzipOf('purged');
    gzipOf('replaced');

    cache.purge('purged');
    cache.purge('replaced');
    await cache.get('replaced', rule, now(answerOf('new')));
    await eventually(() => gzipOf('marker'));

    expect(await entries()).toBe(2);
    expect(textOf(cache.get('replaced', rule, now(answerOf(''))))).toBe('new');
  });

  test.each([
    ['what is short', answerOf('.'.repeat(1_023))],
    ['what is compressed already', answerOf(long, { headers: ['Content-Encoding', 'br'] })],
    ['what does not shrink', answerOf('', { body: randomBytes(2_048) })],
  ])('is not made of %s', async (_, answer) => {
    const { cache, bytes } = cacheFixture();
    await cache.get('k', rule, now(answer));
    await cache.get('marker', rule, now(answerOf(long)));
    const before = await bytes();
    const hit = cache.get('k', rule, now(answer)) as Hit;

    cache.gzipOf('k', hit);
    await eventually(() => cache.gzipOf('marker', cache.get('marker', rule, now(answer)) as Hit));

    expect(cache.gzipOf('k', hit)).toBeUndefined();
    expect((await bytes()) - before).toBeLessThan(200);
  });
});

describe('a purge', () => {
  const product = (id: string, text = id) => now(answerOf(text, { tags: [`product:${id}`] }));

  test('takes what carries the tag, and nothing else', async () => {
    const { cache, entries } = cacheFixture();
    await cache.get('1', rule, product('1'));
    await cache.get('2', rule, product('2'));
    await cache.get('list', rule, now(answerOf('list')));

    cache.purge('product:1');

    expect(cache.get('2', rule, product('2'))).toMatchObject({ outcome: 'hit' });
    expect(cache.get('list', rule, product('2'))).toMatchObject({ outcome: 'hit' });
    expect(await entries()).toBe(2);
    expect(await cache.get('1', rule, product('1', 'new'))).toMatchObject({ outcome: 'miss' });
  });

  test('takes what was not there, too', async () => {
    const { cache } = cacheFixture();
    await cache.get('1', rule, now(answerOf('', { status: 404, tags: ['product:1'] })));

    cache.purge('product:1');

    expect(await cache.get('1', rule, product('1'))).toMatchObject({
      outcome: 'miss',
      answer: { status: 200 },
    });
  });

  test('of everything leaves nothing', async () => {
    const { cache, bytes } = cacheFixture();
    await cache.get('1', rule, product('1'));
    await cache.get('2', rule, now(answerOf('', { status: 404 })));

    cache.purgeAll();

    expect(await bytes()).toBe(0);
    expect(await cache.get('1', rule, product('1'))).toMatchObject({ outcome: 'miss' });
  });

  test.each([
    ['of a tag', 'purge'],
    ['of everything', 'purgeAll'],
  ] as const)(
    '%s while the answer is on its way: it is not kept, and not given to who comes later',
    async (_, purge) => {
      const { cache } = cacheFixture();
      const { load, answers } = playService();
      const before = cache.get('1', rule, load);
      cache[purge]('product:1');
      const after = [cache.get('1', rule, load), cache.get('1', rule, load)];

      await answers(answerOf('old', { tags: ['product:1'] }));
      await answers(answerOf('new', { tags: ['product:1'] }));
      const hits = await Promise.all([before, ...after]);

      expect(hits.map(textOf)).toEqual(['old', 'new', 'new']);
      expect(load).toHaveBeenCalledTimes(2);
      expect(textOf(cache.get('1', rule, load))).toBe('new');
    },
  );

  test('while a refresh is on its way: neither the old answer nor the refreshed one is given', async () => {
    const { cache, pass } = cacheFixture();
    const { load, answers } = playService();
    await cache.get('1', rule, product('1', 'oldest'));
    pass(5_000);
    void cache.get('1', rule, load);

    cache.purge('product:1');
    const hit = cache.get('1', rule, load);
    await answers(answerOf('old', { tags: ['product:1'] }));
    await answers(answerOf('new', { tags: ['product:1'] }));

    expect(textOf(await hit)).toBe('new');
  });

  test('of another tag does not concern what is on its way', async () => {
    const { cache } = cacheFixture();
    const { load, answers } = playService();
    const before = cache.get('1', rule, load);
    cache.purge('product:2');
    const after = cache.get('1', rule, load);

    await answers(answerOf('1', { tags: ['product:1'] }));

    expect(await Promise.all([before, after])).toMatchObject([{ outcome: 'miss' }, { outcome: 'shared' }]);
    expect(textOf(cache.get('1', rule, load))).toBe('1');
  });

  test('of very many tags at once forgets none of them', async () => {
    const { cache } = cacheFixture();
    const { load, answers } = playService();
    const hit = cache.get('1', rule, load);
    for (let n = 20_000; n > 0; n -= 1) cache.purge(`product:${n}`);

    await answers(answerOf('old', { tags: ['product:1'] }));
    await hit;

    expect(cache.get('1', rule, product('1'))).toBeInstanceOf(Promise);
  });

  test('of a tag that an entry had before it was replaced takes nothing', async () => {
    const { cache, pass } = cacheFixture();
    await cache.get('k', rule, now(answerOf('a', { tags: ['product:1'] })));
    pass(15_000);
    await cache.get('k', rule, now(answerOf('b', { tags: ['product:2'] })));

    cache.purge('product:1');

    expect(textOf(cache.get('k', rule, product('3')))).toBe('b');
  });
});
