import type { Hit } from '../src/cache/response-cache';
import { answerOf, cacheFixture, json, loopTurn, now, playService, rule, textOf } from './cache-fixture';

describe('time', () => {
  test('an answer is there at once until its TTL is over, with its age', async () => {
    const { cache, pass } = cacheFixture();
    const load = now(answerOf('a'));

    const first = await cache.get('k', rule, load);
    const again = cache.get('k', rule, load);
    pass(4_999);
    const last = cache.get('k', rule, load);

    expect(first).toMatchObject({ outcome: 'miss', ageSeconds: 0 });
    expect(again).toMatchObject({ outcome: 'hit', ageSeconds: 0, answer: { headers: json } });
    expect(last).toMatchObject({ outcome: 'hit', ageSeconds: 4 });
    expect(textOf(last)).toBe('a');
    expect(load).toHaveBeenCalledTimes(1);
  });

  test('an answer is as old as the question', async () => {
    const { cache, pass } = cacheFixture();
    const { load, answers } = playService();
    const first = cache.get('k', rule, load);
    pass(3_000);
    await answers(answerOf('a'));
    await first;

    expect(cache.get('k', rule, load)).toMatchObject({ outcome: 'hit', ageSeconds: 3 });
  });

  test('an old answer is given while one request fetches the new one', async () => {
    const { cache, pass } = cacheFixture();
    const { load, answers } = playService();
    await cache.get('k', rule, now(answerOf('old')));
    pass(5_000);

    const stale = [cache.get('k', rule, load), cache.get('k', rule, load)];
    await answers(answerOf('new'));
    await loopTurn();
    const fresh = cache.get('k', rule, load);

    expect(stale).toMatchObject([
      { outcome: 'stale', ageSeconds: 5 },
      { outcome: 'stale', ageSeconds: 5 },
    ]);
    expect(stale.map(textOf)).toEqual(['old', 'old']);
    expect(fresh).toMatchObject({ outcome: 'hit', ageSeconds: 0 });
    expect(textOf(fresh)).toBe('new');
    expect(load).toHaveBeenCalledTimes(1);
  });

  test('an answer that is too old is not given', async () => {
    const { cache, pass } = cacheFixture();
    await cache.get('k', rule, now(answerOf('old')));
    pass(15_000);

    const hit = await cache.get('k', rule, now(answerOf('new')));

    expect(hit).toMatchObject({ outcome: 'miss', answer: { body: Buffer.from('new') } });
  });

  test('where the refresh fails, the old answer stays until its time is over; tried once a second, told of once', async () => {
    const { cache, pass, lines } = cacheFixture();
    await cache.get('k', rule, now(answerOf('old')));
    const failing = jest
      .fn(() => Promise.resolve(answerOf('', { status: 503 })))
      .mockRejectedValueOnce(new Error('gone'));
    pass(5_000);

    const given: Hit['outcome'][] = [];
    for (let ms = 0; ms < 10_000; ms += 250) {
      given.push((cache.get('k', rule, failing) as Hit).outcome);
      await loopTurn();
      pass(250);
    }
    const tries = failing.mock.calls.length;
    const over = await cache.get('k', rule, failing);

    expect(given).toEqual(given.map(() => 'stale'));
    expect(tries).toBe(10);
    expect(over.answer.status).toBe(503);
    await cache.get('k', rule, now(answerOf('new')));
    expect(lines).toMatchObject([
      { level: 'warn', msg: 'old answers are given, they cannot be refreshed', route: 'GET /products' },
      { level: 'info', msg: 'answers are refreshed again' },
    ]);
  });

  test('what is gone at the refresh is gone', async () => {
    const { cache, pass } = cacheFixture();
    await cache.get('k', rule, now(answerOf('old')));
    pass(5_000);

    void cache.get('k', rule, now(answerOf('', { status: 404 })));
    await loopTurn();

    expect(cache.get('k', rule, now(answerOf('')))).toMatchObject({
      outcome: 'hit',
      answer: { status: 404 },
    });
  });
});

describe('many at once', () => {
  test('a thousand requests for one key are one at the service', async () => {
    const { cache, metrics } = cacheFixture();
    const { load, answers } = playService();

    const all = Array.from({ length: 1_000 }, async () => await cache.get('k', rule, load));
    await answers(answerOf('a'));
    const hits = await Promise.all(all);

    expect(load).toHaveBeenCalledTimes(1);
    expect(new Set(hits.map(({ answer }) => answer.body.toString()))).toEqual(new Set(['a']));
    expect(await metrics.registry.metrics()).toContain('outcome="shared",service="test"} 999');
  });

  test.each([
    ['an error', () => answerOf('', { status: 500 })],
    ['a refusal', () => answerOf('', { status: 400 })],
    ['a broken connection', () => new Error('gone')],
  ])('%s is shared, and not kept', async (_, failure) => {
    const { cache, entries } = cacheFixture();
    const { load, answers } = playService();

    const all = [1, 2].map(async () => await cache.get('k', rule, load));
    await answers(failure());
    const settled = await Promise.allSettled(all);

    expect(load).toHaveBeenCalledTimes(1);
    expect(settled[1]).toMatchObject(
      settled[0]?.status === 'rejected'
        ? { reason: new Error('gone') }
        : { value: { outcome: 'shared', answer: failure() } },
    );
    expect(await entries()).toBe(0);
    expect(await cache.get('k', rule, now(answerOf('a')))).toMatchObject({ outcome: 'miss' });
  });

  test('a load that throws at once leaves nothing behind', async () => {
    const { cache } = cacheFixture();
    const broken = () => {
      throw new Error('bug');
    };

    await expect(cache.get('k', rule, broken)).rejects.toThrow('bug');

    expect(await cache.get('k', rule, now(answerOf('a')))).toMatchObject({ outcome: 'miss' });
  });
});

describe('what is not for everybody', () => {
  test.each([
    ['Cache-Control', 'private, max-age=5'],
    ['cache-control', 'no-store'],
    ['Cache-Control', 'No-Cache'],
    ['Set-Cookie', 'session=1'],
    ['Vary', 'Accept-Encoding, Authorization'],
    ['Vary', '*'],
  ])('%s: %s goes to the one who asked, and is not kept', async (name, value) => {
    const { cache, entries } = cacheFixture();
    const { load, answers } = playService();
    const own = (text: string) => answerOf(text, { headers: [...json, name, value] });

    const all = [1, 2].map(async () => await cache.get('k', rule, load));
    await answers(own('mine'));
    await answers(own('yours'));
    const hits = await Promise.all(all);

    expect(hits.map(textOf)).toEqual(['mine', 'yours']);
    expect(hits.map(({ outcome }) => outcome)).toEqual(['miss', 'miss']);
    expect(await entries()).toBe(0);
  });

  test('is found in a header that comes twice, too', async () => {
    const { cache, entries } = cacheFixture();
    const headers = [...json, 'cache-control', 'public', 'cache-control', 'private'];

    await cache.get('k', rule, now(answerOf('mine', { headers })));

    expect(await entries()).toBe(0);
  });

  test.each([
    ['Cache-Control', 'public, max-age=5'],
    ['Vary', 'Accept-Encoding'],
    ['X-About', 'no-store'],
  ])('%s: %s is kept', async (name, value) => {
    const { cache } = cacheFixture();
    await cache.get('k', rule, now(answerOf('a', { headers: [...json, name, value] })));

    expect(textOf(cache.get('k', rule, now(answerOf('b'))))).toBe('a');
  });
});
