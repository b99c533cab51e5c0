import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { endOfTurn } from '../src/turn';

test('a body that came in one piece with its head is there at the end of the turn', async () => {
  const seen = Promise.withResolvers<boolean[]>();
  const server = createServer((request: IncomingMessage, response) => {
    const atTheHead = request.complete;
    void endOfTurn().then(() => {
      seen.resolve([atTheHead, request.complete]);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');

  socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 14\r\n\r\n{"quantity":1}');

  expect(await seen.promise).toEqual([false, true]);
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test('what waits again comes after all that waited, before the next turn', async () => {
  const order: string[] = [];
  const nextTurn = Promise.withResolvers<void>();
  const first = endOfTurn().then(async () => {
    setImmediate(() => nextTurn.resolve(void order.push('next turn')));
    await endOfTurn();
    order.push('again');
  });
  const second = endOfTurn().then(() => order.push('second'));

  await Promise.all([first, second, nextTurn.promise]);

  expect(order).toEqual(['second', 'again', 'next turn']);
});

test('whoever comes afterwards waits for the end of a turn of his own', async () => {
  const order: string[] = [];
  await endOfTurn();
  await new Promise<void>((resolve) => process.nextTick(resolve));

  const own = endOfTurn().then(() => order.push('end'));
  await new Promise<void>((resolve) => process.nextTick(resolve));
  order.push('still the same turn');
  await own;

  expect(order).toEqual(['still the same turn', 'end']);
});
