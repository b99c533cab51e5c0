'use strict';
const net = require('node:net');
const { waitForPort } = require('../ports');

const answerLimitMs = 5_000;

/** Of each server: the variable that holds its address, how one looks, and what else the fleet is told about it. */
const servers = {
  mysql: {
    variable: 'MYSQL_URL',
    example: 'mysql://user:password@host:3306',
    defaultPort: 3306,
    told: async (address, endpoint) => ({
      MYSQL_ADMIN_URL: address,
      MYSQL_SERVER_KIND: /mariadb/i.test(await greetingOf(endpoint)) ? 'mariadb' : 'mysql',
    }),
  },
  redis: {
    variable: 'REDIS_URL',
    example: 'redis://host:6379',
    defaultPort: 6379,
    told: (address) => ({ REDIS_URL: address }),
  },
  kafka: {
    variable: 'KAFKA_BROKERS',
    example: 'host:9092,host2:9092',
    defaultPort: 9092,
    told: (address) => ({ KAFKA_BROKERS: address }),
  },
  consul: {
    variable: 'CONSUL_HTTP_ADDR',
    example: 'host:8500',
    defaultPort: 8500,
    told: (_address, { host, port }) => ({ CONSUL_HTTP_ADDR: `${host}:${port}` }),
  },
};

/** Servers of somebody else, whose addresses are in the environment. Throws where an address is none, or nobody answers there. */
async function givenServers(names, environment, limitMs = answerLimitMs) {
  const told = await Promise.all(
    names.map(async (name) => {
      const { variable, example, defaultPort, told } = servers[name];
      const address = environment[variable];
      // Only Kafka's may be several.
      const parts = name === 'kafka' ? address.split(',') : [address];
      const endpoints = parts.map((part) => endpointOf(part.trim(), defaultPort));
      if (endpoints.includes(undefined))
        throw new Error(`${variable} is no address; one looks like this: ${example}`);
      return told(address, await firstThatAnswers(variable, endpoints, limitMs));
    }),
  );
  return Object.assign({}, ...told);
}

function endpointOf(address, defaultPort) {
  const text = address.includes('://') ? address : `tcp://${address}`;
  if (!URL.canParse(text)) return undefined;
  const { hostname, port } = new URL(text);
  return hostname ? { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || defaultPort) } : undefined;
}

async function firstThatAnswers(variable, endpoints, limitMs) {
  let isFound = false;
  const tries = endpoints.map(async (endpoint) => {
    await waitForPort(endpoint.port, { host: endpoint.host, limitMs, isAlive: () => !isFound });
    isFound = true;
    return endpoint;
  });
  return Promise.any(tries).catch(() => {
    const tried = endpoints.map(({ host, port }) => `${host}:${port}`).join(', ');
    throw new Error(`${variable}: nobody answers at ${tried}`);
  });
}

/** The server speaks first, and its version comes first: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html */
function greetingOf({ host, port }) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, host);
    socket.setTimeout(answerLimitMs, () => socket.destroy());
    socket.once('data', (bytes) => {
      resolve(bytes.toString('latin1'));
      socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.once('close', () => reject(new Error(`MYSQL_URL: no MySQL server answers at ${host}:${port}`)));
  });
}

module.exports = { givenServers };
