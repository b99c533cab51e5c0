import { gzipSync } from 'node:zlib';
import { isAppError } from '@onrush/chassis/errors';
import { parseJsonStrictly } from '../src/connection/strict-json';
import { routes } from '../src/routes';
import { startFixture, type Fixture } from './fixture';
import { head, sendRaw } from './raw-socket';
import { codeOf, watchUpstream, type UpstreamWatch } from './refusals';

let fixture: Fixture;
let upstream: UpstreamWatch;
let users = 100;
beforeAll(async () => {
  fixture = await startFixture('bodies');
  upstream = watchUpstream(fixture);
}, 60_000);
afterAll(() => fixture.stop());
beforeEach(() => upstream.forget());

/** A purchase of a new user with that body, so that no limit is in the way. */
async function buy(body: string | Buffer, ...headers: string[]) {
  const token = await fixture.accessToken({ sub: String((users += 1)) });
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const own = [`Authorization: Bearer ${token}`, `Content-Length: ${bytes.length}`, ...headers];
  const start = head('POST /api/v1/seckill/activities/77/buy', ...own);
  return sendRaw(fixture.port, Buffer.concat([Buffer.from(start), bytes]));
}

/** An order of that body. */
async function place(body: string | Buffer, ...headers: string[]) {
  const token = await fixture.accessToken();
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const own = [`Authorization: Bearer ${token}`, `Idempotency-Key: order-${(users += 1)}`];
  const start = head('POST /api/v1/orders', ...own, `Content-Length: ${bytes.length}`, ...headers);
  return sendRaw(fixture.port, Buffer.concat([Buffer.from(start), bytes]));
}

const json = 'Content-Type: application/json';
const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

/** What no route takes, whatever it is about. */
const withoutOneReading: [string, string | Buffer][] = [
  ['depth 500', deep(500)],
  ['depth 33 inside an object', `{"quantity":1,"token":${deep(33)}}`],
  ['a member twice', '{"quantity":1,"quantity":2}'],
  ['a member twice, spelled differently', '{"quantity":1,"quantit\\u0079":2}'],
  ['__proto__', '{"__proto__":{"quantity":5}}'],
  ['an escaped __proto__', '{"\\u005f_proto__":{"quantity":5}}'],
  ['constructor', '{"constructor":{"prototype":{"quantity":5}}}'],
  ['1e400', '{"quantity":1e400}'],
  ['1e0', '{"quantity":1e0}'],
  ['1.0', '{"quantity":1.0}'],
  ['-0', '{"quantity":-0}'],
  ['2^53', '{"quantity":9007199254740993}'],
  ['half a surrogate pair', '{"token":"\\ud800"}'],
  ['a surrogate pair the wrong way round', '{"token":"\\udc00\\ud800"}'],
  ['invalid UTF-8', Buffer.from('{"token":"\xff"}', 'latin1')],
  ['overlong UTF-8', Buffer.from('{"token":"\xc0\xaf"}', 'latin1')],
  ['a byte order mark', Buffer.from('\xef\xbb\xbf{}', 'latin1')],
  ['UTF-16', Buffer.from('{}', 'utf16le')],
  ['nothing but a space', ' '],
  ['two values', '{}{}'],
  ['NaN', '{"quantity":NaN}'],
  ['a comment', '{}//'],
  ['a trailing comma', '{"quantity":1,}'],
  ['NUL', '{"quantity":1}\0'],
];

const otherTypes: [string, string[]][] = [
  ['no Content-Type', []],
  ['text', ['Content-Type: text/plain']],
  ['a form', ['Content-Type: application/x-www-form-urlencoded']],
  ['something that begins like JSON', ['Content-Type: application/jsonp']],
  ['gzip', [json, 'Content-Encoding: gzip']],
  ['gzip twice', [json, 'Content-Encoding: gzip, gzip']],
  ['text in gzip', ['Content-Type: text/plain', 'Content-Encoding: gzip']],
];

describe.each([
  ['a purchase', buy],
  ['an order', place],
])('%s whose body has two readings, or none, is refused, and nobody hears of it', (_name, send) => {
  test.each(withoutOneReading)('%s', async (_name, body) => {
    const answer = await send(body, json);

    expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 400, code: 400000 });
    expect(upstream.reached()).toBe(0);
    expect(({} as Record<string, unknown>)['quantity']).toBeUndefined();
  });

  test.each(otherTypes)('%s: 415', async (_name, headers) => {
    const bomb = gzipSync(Buffer.alloc(100_000, ' '));

    const answer = await send(bomb, ...headers);

    expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 415, code: 415000 });
    expect(upstream.reached()).toBe(0);
  });
});

test.each<readonly [string, string]>([
  ['text for a count', '{"quantity":"1"}'],
  ['text with an exponent', '{"quantity":"1e3"}'],
  ['text with a space', '{"quantity":" 5"}'],
  ['a number for a text', '{"token":123456789012345678}'],
  ['null for a count', '{"quantity":null}'],
  ['a list', '[]'],
  ['a number', '1'],
  ['null', 'null'],
  ['many members', `{${Array.from({ length: 40 }, (_, index) => `"member${index}":1`).join()}}`],
])('a purchase with %s is refused', async (_name, body) => {
  const answer = await buy(body, json);

  expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 400, code: 400000 });
  expect(upstream.reached()).toBe(0);
});

test('the head alone refuses what is no JSON: the body is not waited for', async () => {
  const token = await fixture.accessToken();
  const own = [`Authorization: Bearer ${token}`, 'Idempotency-Key: head', 'Content-Length: 60000'];

  const answer = await sendRaw(fixture.port, head('POST /api/v1/orders', ...own, 'Content-Type: text/plain'));

  expect(codeOf(answer)).toBe(415000);
  expect(upstream.reached()).toBe(0);
});

test('every write takes JSON alone, but for what providers sign', () => {
  const raw = routes.filter(({ body }) => body === 'raw');

  expect(raw.map(({ path }) => path)).toEqual(
    routes.filter(({ rate }) => rate === 'callback').map(({ path }) => path),
  );
  expect(raw).not.toHaveLength(0);
});

test('an order is passed on as the bytes that came, a callback whatever it is', async () => {
  const odd = ' {\t"items" :[ ] ,"note":"\\u4f60\n" }'.replace('\n', '\\n');
  const signed = '{"a":1.50,"a":2}';

  const order = await place(odd, 'Content-Type: application/json; charset=utf-8');
  const callback = await sendRaw(
    fixture.port,
    `${head('POST /api/v1/payment/callback/mock', 'Content-Type: text/plain', `Content-Length: ${signed.length}`)}${signed}`,
  );

  expect([order.status, callback.status]).toEqual([200, 200]);
  expect(fixture.upstream.seen.map(({ body }) => body)).toEqual([odd, signed]);
});

test('a write without a body needs no Content-Type', async () => {
  const token = await fixture.accessToken();

  const answer = await fixture.call('POST /api/v1/notifications/read-all', { token });

  expect(answer.status).toBe(200);
});

test.each(['{}', '{"quantity":1}', ' { "quantity" : 2 , "token" : "a\\nb" } ', '{"token":"你好"}'])(
  'a purchase with %s is one',
  async (body) => {
    expect((await buy(body, json)).status).toBe(202);
    expect(fixture.seckill.batches.flat()).toHaveLength(1);
  },
);

describe('parseJsonStrictly', () => {
  const parse = (text: string) => parseJsonStrictly(Buffer.from(text));
  const isRefused = (text: string) => {
    try {
      parse(text);
    } catch (error) {
      return isAppError(error) && error.httpStatus === 400;
    }
    return false;
  };

  test.each([
    '{}',
    '[]',
    'true',
    '-5',
    '9007199254740991',
    '{"a":{"b":[1,-2,"3",null,false]},"c":{"b":1}}',
    '[{"a":1},{"a":2}]',
    '{"a":"}{][,:\\"\\\\","b":"1.5"}',
    '{"":1}',
    '{"a":"constructor","b":["__proto__"]}',
    '{"a" : "\\ud83d\\ude00" , "b":"😀"}',
    deep(32),
  ])('%s is what JSON.parse says', (text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  test.each([
    '{"constructor":1}',
    '{"a":{"constructor":1}}',
    '[{"__proto__":1}]',
    '{"a":1,"b":{"a":1},"a":2}',
    '{"":1,"":2}',
    '{"\\u0061":1,"a":2}',
    '[1.5]',
    '[1E2]',
    '[-9007199254740993]',
    `[1${'0'.repeat(400)}]`,
    '["\\udfff"]',
    '{"\\ud800":1}',
    deep(33),
    deep(10_000),
    '[01]',
    '',
  ])('%s is refused', (text) => {
    expect(isRefused(text)).toBe(true);
  });

  test('what was refused before leaves nothing behind', () => {
    expect(() => parseJsonStrictly(Buffer.from([0x22, 0xe4, 0xbd]))).toThrow();

    expect(parse('"a"')).toBe('a');
  });
});
