'use strict';
const path = require('node:path');
const { checkoutId } = require('../paths');
const { waitForPort } = require('../ports');
const { secrets } = require('../secrets');
const { run } = require('../tools/run');

const project = `onrush-${checkoutId}`;
const compose = ['compose', '-p', project, '-f', path.join(__dirname, '..', 'compose.yaml')];

const environment = (ports) => ({
  MYSQL_PASSWORD: secrets().mysqlPassword,
  MYSQL_PORT: String(ports.mysql),
  REDIS_PORT: String(ports.redis),
  KAFKA_PORT: String(ports.kafka),
  CONSUL_PORT: String(ports.consul),
});

const addressesOf = {
  mysql: (ports) => ({
    MYSQL_ADMIN_URL: `mysql://root:${encodeURIComponent(secrets().mysqlPassword)}@127.0.0.1:${ports.mysql}`,
    MYSQL_SERVER_KIND: 'mysql',
  }),
  redis: (ports) => ({ REDIS_URL: `redis://127.0.0.1:${ports.redis}` }),
  kafka: (ports) => ({ KAFKA_BROKERS: `127.0.0.1:${ports.kafka}` }),
  consul: (ports) => ({ CONSUL_HTTP_ADDR: `127.0.0.1:${ports.consul}` }),
};

/** One server as a container of this checkout's own compose project. */
async function start(component, ports) {
  await run('docker', [...compose, 'up', '-d', '--wait', component], {
    name: `docker-${component}`,
    env: environment(ports),
  });
  await waitForPort(ports[component]);
  return addressesOf[component](ports);
}

const stopAll = (ports) =>
  run('docker', [...compose, 'down'], { name: 'docker-down', env: environment(ports) });

module.exports = { start, stopAll };
