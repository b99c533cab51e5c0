'use strict';
const path = require('node:path');
const { local, readJson, writeWhole } = require('./paths');
const { noConsul, planServers, whatIsMissing } = require('./plan');
const { portsOf } = require('./ports');
const { pidOf } = require('./process');
const consul = require('./servers/consul');
const docker = require('./servers/docker');
const kafka = require('./servers/kafka');
const mysql = require('./servers/mysql');
const redis = require('./servers/redis');
const { findProgram, javaVersion } = require('./tools/find');
const { consulFromGo, installDebianPackages, kafkaFromMaven } = require('./tools/install');

const envFile = path.join(local, 'env.json');
const stateFile = path.join(local, 'run', 'servers.json');
const portNames = ['mysql', 'redis', 'kafka', 'kafkaController', 'consul', 'consulServer', 'consulSerf'];
const ownerOf = { kafkaController: 'kafka', consulServer: 'consul', consulSerf: 'consul' };

const starters = {
  mysql: (ports) => mysql.start(ports.mysql),
  redis: (ports) => redis.start(ports.redis),
  kafka: (ports) => kafka.start(ports),
  consul: (ports) => consul.start(ports),
};

const fromEnvironment = {
  mysql: (environment) => ({
    MYSQL_ADMIN_URL: environment.MYSQL_URL,
    MYSQL_SERVER_KIND: environment.MYSQL_SERVER_KIND ?? 'mysql',
  }),
  redis: (environment) => ({ REDIS_URL: environment.REDIS_URL }),
  kafka: (environment) => ({ KAFKA_BROKERS: environment.KAFKA_BROKERS }),
  consul: (environment) => ({ CONSUL_HTTP_ADDR: environment.CONSUL_HTTP_ADDR }),
};

/** What has to be installed before it can be started; servers of Debian come in one go. */
async function installWhatIsMissing(plan, progress) {
  const packages = [];
  if (plan.mysql === 'install') packages.push('mariadb-server');
  if (plan.redis === 'install') packages.push('redis-server');
  if (plan.kafka === 'install' && javaVersion() < 17) packages.push('default-jre-headless');
  if (plan.kafka === 'install' && !findProgram('mvn')) packages.push('maven');
  if (packages.length > 0)
    await progress.step(`installing ${packages.join(', ')}`, () => installDebianPackages(packages));
  if (plan.kafka === 'install') await progress.step('fetching Kafka', kafkaFromMaven);
}

/**
 * Brings the servers up, and returns their addresses. `beside` is work that needs none of them: it runs while Consul is built, which takes
 * minutes where it has to be. Throws, with nothing started, where a server cannot be had.
 */
async function serversUp(progress, { environment = process.env, beside = () => Promise.resolve() } = {}) {
  const plan = planServers(environment);
  const problem = whatIsMissing(plan);
  if (problem) throw new Error(problem);
  if (plan.consul === 'missing') {
    progress.say(noConsul);
    plan.consul = 'static';
  }

  const building =
    plan.consul === 'install'
      ? progress.step('building Consul (3 to 4 minutes, once per machine)', consulFromGo)
      : Promise.resolve();
  building.catch(() => undefined);
  const ports = await portsOf(portNames, (name) => pidOf(ownerOf[name] ?? name) !== undefined);
  const addresses = {};
  const start = async (name) => {
    const source = plan[name];
    if (source === 'environment') Object.assign(addresses, fromEnvironment[name](environment));
    else if (source === 'docker')
      Object.assign(
        addresses,
        await progress.step(`starting ${name} (Docker)`, () => docker.start(name, ports)),
      );
    else if (source !== 'static')
      Object.assign(addresses, await progress.step(`starting ${name}`, () => starters[name](ports)));
  };
  try {
    const others = installWhatIsMissing(plan, progress).then(() =>
      Promise.all([start('mysql'), start('redis'), start('kafka')]),
    );
    await Promise.all([others, beside(), building.then(() => start('consul'))]);
  } finally {
    writeWhole(stateFile, JSON.stringify({ plan, ports }));
  }
  const env = { ...addresses, DISCOVERY: plan.consul === 'static' ? 'static' : 'consul' };
  writeWhole(envFile, JSON.stringify(env, null, 2), 0o600);
  return env;
}

/** True while a server that we started runs. */
const areServersUp = () => ['mysql', 'redis', 'kafka'].some((name) => pidOf(name) !== undefined);

/** Ends the servers that were started from this checkout, and no others. */
async function serversDown(progress) {
  const { plan = {}, ports } = readJson(stateFile, {});
  const ours = { consul, kafka, redis, mysql };
  await Promise.all(
    Object.entries(ours).map(async ([name, server]) => {
      if (pidOf(name) !== undefined) await progress.step(`stopping ${name}`, server.stop);
      else await server.stop();
    }),
  );
  if (ports && Object.values(plan).includes('docker'))
    await progress.step('stopping containers', () => docker.stopAll(ports));
}

module.exports = { serversUp, serversDown, areServersUp, envFile };
