'use strict';
/**
 * Opens thousands of connections and is slow on each: a process of its own, so that what it costs to be slow delays nobody's answer.
 * Started with a JSON argument { port, everyMs, swarms: { name: { count, begin } } }; says `connected` when all have sent their beginning, and
 * { answers: { name: { status: count } } } when all are over; a connection that ended without one whole answer in the envelope counts as `none`.
 */
const net = require('node:net');

/** Fits into the backlog of a listening socket. */
const wave = 250;
/** Each writes at a moment of its own, as so many clients would: never all at once. */
const slices = 50;
const { port, everyMs, swarms } = JSON.parse(process.argv[2]);
const open = new Set();
const answers = {};

function openOne(name, begin) {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  let received = '';
  open.add(socket);
  socket.on('data', (chunk) => (received += chunk));
  socket.on('error', () => undefined);
  socket.once('close', () => {
    const [, status = 'none'] =
      /^HTTP\/1\.1 (\d{3}) [^]*\r\n\r\n\{"code":\1\d{3},[^{}]*\}$/.exec(received) ?? [];
    answers[name][status] = (answers[name][status] ?? 0) + 1;
    open.delete(socket);
  });
  return new Promise((resolve) => {
    socket.once('connect', () => socket.write(begin, resolve)).once('close', resolve);
  });
}

async function main() {
  for (const [name, { count, begin }] of Object.entries(swarms)) {
    answers[name] = {};
    for (let left = count; left > 0; left -= wave)
      await Promise.all(Array.from({ length: Math.min(wave, left) }, () => openOne(name, begin)));
  }
  process.send('connected');
  let turn = 0;
  const drip = setInterval(() => {
    turn += 1;
    let index = 0;
    for (const socket of open) if ((index += 1) % slices === turn % slices) socket.write('x');
    if (open.size > 0) return;
    clearInterval(drip);
    process.send({ answers }, () => process.disconnect());
  }, everyMs / slices);
}

void main();
