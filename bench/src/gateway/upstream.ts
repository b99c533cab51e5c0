import net from 'node:net';

/** Answers how many requests were seen before it, as `{ "seen": n }`. */
export const seenPath = '/bench/seen';

const items = [1, 2, 3].map((number) => ({
  id: `7318000000000000${number}`,
  kind: 'order.paid',
  title: 'Your order is paid',
  text: 'Jade River Arena, 1 May, 19:30',
  read: false,
}));
const body = JSON.stringify({
  code: 0,
  message: 'success',
  data: { items, next_cursor: null },
  trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
});

const answerWith = (text: string): Buffer =>
  Buffer.from(
    `HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );

/**
 * What stands behind every system that is measured: answers each request without a body with the same half kilobyte of JSON. On raw sockets, like
 * the load generator, so that it is not the bottleneck of what stands in front of it.
 */
export function createUpstream(): net.Server {
  const answer = answerWith(body);
  let seen = 0;
  return net.createServer({ noDelay: true }, (socket) => {
    let received = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      for (let end = received.indexOf('\r\n\r\n'); end >= 0; end = received.indexOf('\r\n\r\n')) {
        const asksForCount = received.startsWith(`GET ${seenPath} `);
        received = received.slice(end + 4);
        if (asksForCount) socket.write(answerWith(JSON.stringify({ seen })));
        else {
          seen += 1;
          socket.write(answer);
        }
      }
    });
  });
}
