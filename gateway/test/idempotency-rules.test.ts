import { fingerprintOf, shouldStore, type Settled } from '../src/idempotency/idempotency-rules';

describe('the fingerprint', () => {
  const of = (body: string | Buffer, changes = {}) =>
    fingerprintOf({
      method: 'POST',
      path: '/api/v1/orders',
      search: '',
      contentType: 'application/json',
      body: Buffer.from(body as string),
      ...changes,
    });
  const nested = (depth: number, white = '') => `${'['.repeat(depth)}${white}${']'.repeat(depth)}`;

  test.each([
    ['the order of members', '{"a":1,"b":{"c":2,"d":3}}', '{"b":{"d":3,"c":2},"a":1}'],
    ['white space', '{"a":[1,2]}', ' { "a" : [ 1,\n2 ] } '],
    ['how a number is written', '{"a":100}', '{"a":1e2}'],
    ['how a letter is written', '{"a":"é"}', '{"a":"\\u00e9"}'],
    ['a sign of zero', '[0]', '[-0]'],
    ['depth, as far as 64', nested(64), nested(64, ' ')],
  ])('does not see %s', (_, one, other) => {
    expect(of(one)).toBe(of(other));
  });

  test.each([
    ['a value', '{"a":1}', '{"a":2}'],
    ['a kind of value', '{"a":1}', '{"a":"1"}'],
    ['null from absence', '{"a":null}', '{}'],
    ['the order of a list', '[1,2]', '[2,1]'],
    ['where a member is', '{"a":{"b":1},"c":2}', '{"a":{"b":1,"c":2}}'],
    ['a member called __proto__', '{"__proto__":1}', '{}'],
    ['what is no JSON', '{"a":1', '{"a":1 '],
    ['what is deeper than 64', nested(65), nested(65, ' ')],
    ['bytes that are no text', Buffer.from([0x22, 0xff, 0x22]), Buffer.from([0x22, 0xfe, 0x22])],
  ])('sees %s', (_, one, other) => {
    expect(of(one)).not.toBe(of(other));
  });

  test.each([
    ['method', { method: 'PUT' }],
    ['path', { path: '/api/v1/orders/1' }],
    ['query', { search: '?a=1' }],
    ['kind of body', { contentType: 'text/plain' }],
  ])('sees the %s', (_, changes) => {
    expect(of('{}', changes)).not.toBe(of('{}'));
  });

  test('takes JSON by any of its names', () => {
    const types = ['application/json; charset=utf-8', 'Application/JSON', 'application/merge-patch+json'];
    expect(types.map((contentType) => of('{ }', { contentType }))).toEqual(types.map(() => of('{}')));
    expect(of('{ }', { contentType: 'application/jsonp' })).not.toBe(
      of('{}', { contentType: 'application/jsonp' }),
    );
  });
});

describe('what is kept', () => {
  const settled = (changes: Partial<Settled> = {}): Settled => ({
    ending: 'answered',
    asksToRetry: false,
    dedupes: false,
    ...changes,
  });

  test.each([200, 201, 202, 204, 303, 404, 409, 410, 412, 422, 500])('%d of the service is', (status) => {
    expect(shouldStore(status, settled())).toBe(true);
    expect(shouldStore(status, settled({ dedupes: true }))).toBe(true);
  });

  test.each([400, 401, 403, 405, 406, 413, 415, 428, 429])('%d is not: nothing was begun', (status) => {
    expect(shouldStore(status, settled())).toBe(false);
  });

  test.each([409, 429, 500, 503])('%d with Retry-After is not: the same request is asked for', (status) => {
    expect(shouldStore(status, settled({ asksToRetry: true }))).toBe(false);
  });

  test('202 with Retry-After is: it only says when to look', () => {
    expect(shouldStore(202, settled({ asksToRetry: true }))).toBe(true);
  });

  test.each([400, 429, 502, 503, 504])('%d is not when no service was reached', (status) => {
    expect(shouldStore(status, settled({ ending: 'not-sent' }))).toBe(false);
  });

  test.each([502, 503, 504])(
    '%d with an unknown outcome is, but not where the service knows the key',
    (status) => {
      for (const ending of ['answered', 'no-answer'] as const) {
        expect(shouldStore(status, settled({ ending }))).toBe(true);
        expect(shouldStore(status, settled({ ending, dedupes: true }))).toBe(false);
      }
    },
  );

  test('no answer at all is an unknown outcome, whatever we say of it', () => {
    expect(shouldStore(503, settled({ ending: 'no-answer', asksToRetry: true }))).toBe(true);
    expect(shouldStore(503, settled({ ending: 'no-answer', asksToRetry: true, dedupes: true }))).toBe(false);
  });
});
