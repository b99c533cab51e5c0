'use strict';
const net = require('node:net');
const { freePorts } = require('../ports');
const { givenServers } = require('../servers/given');

const greetings = {
  // The first bytes of the handshake of each server, as they came over the wire.
  mariadb: Buffer.from('5d0000000a352e352e352d31302e31312e31392d4d617269614442', 'hex'),
  mysql: Buffer.from('4a0000000a382e302e333600', 'hex'),
};
const running = [];
afterEach(() => running.splice(0).forEach((server) => server.close()));

/** Something that listens, and says this first. */
const listening = (greeting = '') =>
  new Promise((resolve) => {
    const server = net.createServer((socket) =>
      socket
        .on('error', () => undefined)
        .resume()
        .end(greeting),
    );
    running.push(server);
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });

test('the greeting tells MySQL from MariaDB', async () => {
  for (const [kind, greeting] of Object.entries(greetings)) {
    const MYSQL_URL = `mysql://admin:p,w@127.0.0.1:${await listening(greeting)}`;

    expect(await givenServers(['mysql'], { MYSQL_URL })).toEqual({
      MYSQL_ADMIN_URL: MYSQL_URL,
      MYSQL_SERVER_KIND: kind,
    });
  }
});

test('addresses with and without a scheme are taken; of several brokers one has to answer', async () => {
  const port = await listening();
  const [silent] = await freePorts(1);
  const environment = {
    REDIS_URL: `redis://127.0.0.1:${port}/1`,
    KAFKA_BROKERS: `127.0.0.1:${silent},127.0.0.1:${port}`,
    CONSUL_HTTP_ADDR: `http://127.0.0.1:${port}`,
  };

  expect(await givenServers(['redis', 'kafka', 'consul'], environment)).toEqual({
    ...environment,
    CONSUL_HTTP_ADDR: `127.0.0.1:${port}`,
  });
});

test('what is no address, and an address where nobody answers, are named with their variable', async () => {
  await expect(givenServers(['redis'], { REDIS_URL: 'redis://' })).rejects.toThrow(
    'REDIS_URL is no address; one looks like this: redis://host:6379',
  );
  await expect(givenServers(['kafka'], { KAFKA_BROKERS: '127.0.0.1:99999' })).rejects.toThrow(
    /KAFKA_BROKERS is no address/,
  );
  const [silent] = await freePorts(1);
  await expect(givenServers(['consul'], { CONSUL_HTTP_ADDR: `127.0.0.1:${silent}` }, 100)).rejects.toThrow(
    `CONSUL_HTTP_ADDR: nobody answers at 127.0.0.1:${silent}`,
  );
  const MYSQL_URL = `mysql://a:b@127.0.0.1:${await listening()}`;
  await expect(givenServers(['mysql'], { MYSQL_URL })).rejects.toThrow(/no MySQL server answers at/);
});
