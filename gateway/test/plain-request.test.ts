import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readPlainRequest, type PlainRequest } from '../src/connection/plain-request';
import { createRandom, type Random } from './random';
import { head, sendRaw } from './raw-socket';

const read = (text: string) => readPlainRequest(Buffer.from(text, 'latin1'));
const buy = 'POST /api/v1/seckill/activities/12/buy';
const whole = `${head(buy, 'Content-Type: application/json', 'Content-Length: 14')}{"quantity":1}`;

test('a whole request in the common form is read', () => {
  expect(read(whole)).toEqual({
    method: 'POST',
    url: '/api/v1/seckill/activities/12/buy',
    headers: { host: 'gateway', 'content-type': 'application/json', 'content-length': '14' },
    rawHeaders: ['Host', 'gateway', 'Content-Type', 'application/json', 'Content-Length', '14'],
    body: Buffer.from('{"quantity":1}'),
  });
  expect(read(head('GET /api/v1/products?page=2'))).toMatchObject({ method: 'GET', body: Buffer.alloc(0) });
});

describe('is left to Node:', () => {
  test.each<readonly [string, string]>([
    ['nothing', ''],
    ['half a head', whole.slice(0, 60)],
    ['half a body', whole.slice(0, -1)],
    ['more than its body', `${whole} `],
    ['two requests', head('GET /a') + head('GET /b')],
    ['an empty line before it', `\r\n${whole}`],
    ['a method that has its own rules', head('OPTIONS /a')],
    ['HEAD', head('HEAD /a')],
    ['a method in small letters', head('get /a')],
    ['another version', head('GET /a').replace('HTTP/1.1', 'HTTP/1.0')],
    ['an absolute address', head('GET http://gateway/a')],
    ['a space in its address', head('GET /a b')],
    ['two spaces', head('GET  /a')],
    ['a character beyond ASCII', head('GET /\xe4')],
    ['no header', 'GET /a HTTP/1.1\r\n\r\n'],
    ['lines that end in LF', head('GET /a').replaceAll('\r\n', '\n')],
    ['a line that ends in LF', head('GET /a', 'X-A: 1').replace('X-A: 1\r\n', 'X-A: 1\n')],
    ['a bare CR', head('GET /a', 'X-A: 1\r2')],
    ['a continued line', head('GET /a', 'X-A: 1\r\n 2')],
    ['a space before the colon', head('GET /a', 'X-A : 1')],
    ['no space behind it', head('GET /a', 'X-A:1')],
    ['two spaces behind it', head('GET /a', 'X-A:  1')],
    ['a space behind the value', head('GET /a', 'X-A: 1 ')],
    ['an empty value', head('GET /a', 'X-A: ')],
    ['a tab', head('GET /a', 'X-A: 1\t2')],
    ['a NUL', head('GET /a', 'X-A: 1\0')],
    ['a value beyond ASCII', head('GET /a', 'X-A: \xe4')],
    ['a name with an underscore', head('GET /a', 'X_A: 1')],
    ['a header twice', head('GET /a', 'X-A: 1', 'x-a: 1')],
    ['a name that every object has', head('GET /a', 'Constructor: 1')],
    ['a name that belongs to prototypes', head('GET /a', '__proto__: 1')],
    ['a length of what has no body', `${head('GET /a', 'Content-Length: 2')}{}`],
    ['a length of nothing', head(buy, 'Content-Length: 0')],
    ['a length with a zero before it', `${head(buy, 'Content-Length: 02')}{}`],
    ['a length with a sign', `${head(buy, 'Content-Length: +2')}{}`],
    ['a length in hex', `${head(buy, 'Content-Length: 0x2')}{}`],
    ['chunks', `${head(buy, 'Transfer-Encoding: chunked')}0\r\n\r\n`],
    ...['Connection: close', 'Connection: keep-alive', 'Expect: 100-continue', 'Upgrade: websocket'].map(
      (header) => [header, head('GET /a', header)] as const,
    ),
    ...['TE: trailers', 'Trailer: X-A', 'Keep-Alive: timeout=5', 'Proxy-Connection: close'].map(
      (header) => [header, head('GET /a', header)] as const,
    ),
    ['more than 8 KiB', head('GET /a', `X-A: ${'a'.repeat(8_192)}`)],
  ])('%s', (_name, text) => {
    expect(read(text)).toBeUndefined();
  });
});

/** What Node's parser makes of the same bytes. */
function startNode(): Server {
  return createServer({ requireHostHeader: false }, (request, response) => {
    const { method, url, headers, rawHeaders } = request;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('base64');
      response.end(JSON.stringify({ method, url, headers, rawHeaders, body }));
    });
  });
}

const pieces = [
  ...['\r\n', '\n', '\r', ' ', '\t', ':', ': ', '\0', '\x7f', '\xe4', ',', ';', '"', '%0d%0a', '0', '15'],
  ...['Content-Length: 14\r\n', 'Transfer-Encoding: chunked\r\n', 'Connection: close\r\n', 'X-A: b\r\n'],
  ...['HTTP/1.1', 'HTTP/1.0', 'GET ', 'POST ', '/', '{}', head('GET /hidden')],
];

/** Inserts, removes or doubles something somewhere. */
function bent(text: string, random: Random): string {
  const at = random.below(text.length);
  const rest = text.slice(at);
  if (random.chance(0.5)) return text.slice(0, at) + random.pick(pieces) + rest;
  if (random.chance(0.5)) return text.slice(0, at) + rest.slice(1 + random.below(3));
  return text.slice(0, at) + rest.slice(0, random.below(40)) + rest;
}

const lengthOfIt = (text: string): string =>
  text.replace(/(Content-Length: )\d+/, (_all, name: string) => {
    const body = text.slice(text.indexOf('\r\n\r\n') + 4);
    return `${name}${body.length}`;
  });

describe('nothing that is read is read otherwise by Node', () => {
  const node = startNode();
  beforeAll(() => new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve)));
  afterAll(() => void node.close().closeAllConnections());

  test('3,000 bent requests', async () => {
    const random = createRandom(7);
    const { port } = node.address() as AddressInfo;
    let taken = 0;
    for (let count = 0; count < 3_000; count += 1) {
      let text = random.chance(0.7)
        ? whole
        : head('GET /api/v1/products?page=2', 'Accept: a/b; q=1', 'X-B: c d');
      for (let times = random.below(3); times >= 0; times -= 1) text = bent(text, random);
      // A wrong length alone would leave nearly all of them.
      if (random.chance(0.8)) text = lengthOfIt(text);
      const plain = read(text);
      if (!plain) continue;
      taken += 1;
      const answer = await sendRaw(port, text);
      expect({ text, answer: answer.body }).toEqual({ text, answer: JSON.stringify(seenBy(plain)) });
    }
    expect(taken).toBeGreaterThan(300);
  });
});

const seenBy = ({ body, ...plain }: PlainRequest) => ({ ...plain, body: body.toString('base64') });
