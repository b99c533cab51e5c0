import { endWith } from '../src/exchange';
import { answer, ask, connectWarm, endServers, get, readers, start } from './plain-server';

afterEach(endServers);

test('an answer in pieces waits for a slow reader, and comes whole', async () => {
  const bytes = 1_000_000;
  const { port, served } = await start((one) => {
    if (one.request.url === '/first') return answer(one);
    one.response.writeHead(200, ['Content-Length', String(bytes)]);
    let left = bytes;
    const more = (): void => {
      while (left > 0) {
        left -= 100_000;
        if (!one.response.write('a'.repeat(100_000))) return void one.response.once('drain', more);
      }
      one.response.end();
    };
    more();
  });
  const connection = await connectWarm(port);

  const { body } = await ask(connection, get('/big'));

  expect(body).toHaveLength(bytes);
  await ask(connection, get('/first'));
  expect(readers(served)).toBe('node,plain,plain');
});

test.each([
  ['a status without a body', 204, []],
  ['a Date of its own', 200, ['Date', 'Sun, 06 Nov 1994 08:49:37 GMT']],
  ['the last of its connection', 200, ['Connection', 'close']],
])('%s is written by Node', async (_name, status, headers) => {
  const { port } = await start((one) => {
    if (one.request.url === '/first') return answer(one);
    if (status === 200) return answer(one, headers);
    endWith(one.response, status, ['Content-Length', '2'], 'ab');
  });
  const connection = await connectWarm(port);

  const { status: seen, headers: got } = await ask(connection, get('/a'));

  expect(seen).toBe(status);
  for (let index = 0; index < headers.length; index += 2)
    expect(got[String(headers[index]).toLowerCase()]).toBe(headers[index + 1]);
  if (got['connection'] !== 'close') expect((await ask(connection, get('/first'))).status).toBe(200);
});

test('an answer whose length nobody has said is framed by Node', async () => {
  const { port } = await start(({ response }) => endWith(response, 200, [], 'abc'));
  const connection = await connectWarm(port);

  const { headers } = await ask(connection, get('/a'));

  expect(headers).toMatchObject({ 'transfer-encoding': 'chunked' });
});

test('a header that would begin another line is never written', async () => {
  const { port } = await start((one) =>
    answer(one, one.request.url === '/first' ? [] : ['X-B', 'c\r\nX-D: e']),
  );
  const connection = await connectWarm(port);

  connection.send(get('/a'));

  await connection.closed();
  expect(connection.answers).toHaveLength(1);
});
