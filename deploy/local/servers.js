'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { local, readJson, writeWhole } = require('./paths');
const { noConsul, noConsulBuilt, planServers, whatIsMissing } = require('./plan');
const { portsOf } = require('./ports');
const { hasDied, pidOf } = require('./process');
const consul = require('./servers/consul');
const docker = require('./servers/docker');
const { givenServers } = require('./servers/given');
const kafka = require('./servers/kafka');
const mysql = require('./servers/mysql');
const redis = require('./servers/redis');
const { findProgram, javaVersion } = require('./tools/find');
const { consulFromGo, installDebianPackages, kafkaFromMaven } = require('./tools/install');

const envFile = path.join(local, 'env.json');
const stateFile = path.join(local, 'run', 'servers.json');
const names = ['mysql', 'redis', 'kafka', 'consul'];
const portNames = ['mysql', 'redis', 'kafka', 'kafkaController', 'consul', 'consulServer', 'consulSerf'];
const ownerOf = { kafkaController: 'kafka', consulServer: 'consul', consulSerf: 'consul' };

const starters = {
  mysql: (ports) => mysql.start(ports.mysql),
  redis: (ports) => redis.start(ports.redis),
  kafka: (ports) => kafka.start(ports),
  consul: (ports) => consul.start(ports),
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

  const addresses = await givenServers(
    names.filter((name) => plan[name] === 'environment'),
    environment,
  );

  const building =
    plan.consul === 'install'
      ? progress.step('building Consul (3 to 4 minutes, once per machine)', consulFromGo)
      : Promise.resolve();
  building.catch(() => undefined);
  // One sale without a registry beats no sale.
  const goOnWithoutConsul = (error) => {
    progress.say(`${noConsulBuilt}\n${error.message}`);
    plan.consul = 'static';
  };
  const ranBefore = names.filter((name) => pidOf(name) !== undefined);
  const inDocker = readJson(stateFile, {}).plan ?? {};
  const ports = await portsOf(portNames, (name) => {
    const owner = ownerOf[name] ?? name;
    return pidOf(owner) !== undefined || inDocker[owner] === 'docker';
  });
  const start = async (name) => {
    const source = plan[name];
    if (source === 'docker')
      Object.assign(
        addresses,
        await progress.step(`starting ${name} (Docker)`, () => docker.start(name, ports)),
      );
    else if (source !== 'static' && source !== 'environment')
      Object.assign(addresses, await progress.step(`starting ${name}`, () => starters[name](ports)));
  };
  writeWhole(stateFile, JSON.stringify({ plan, ports }));
  const others = installWhatIsMissing(plan, progress).then(() =>
    settled(['mysql', 'redis', 'kafka'].map(start)),
  );
  try {
    await Promise.all([others, beside(), building.then(() => start('consul'), goOnWithoutConsul)]);
  } catch (error) {
    await others.catch(() => undefined);
    await serversDown(
      progress,
      names.filter((name) => !ranBefore.includes(name)),
    );
    throw error;
  }
  const env = { ...addresses, DISCOVERY: plan.consul === 'static' ? 'static' : 'consul' };
  writeWhole(envFile, JSON.stringify(env, null, 2), 0o600);
  return env;
}

/** Waits for all of them, and fails as the first that failed. */
async function settled(promises) {
  const results = await Promise.allSettled(promises);
  const failed = results.find(({ status }) => status === 'rejected');
  if (failed) throw failed.reason;
}

/** True while a server that we started runs, as a process or, until serversDown, as a container. */
const areServersUp = () =>
  ['mysql', 'redis', 'kafka'].some((name) => pidOf(name) !== undefined) ||
  Object.values(readJson(stateFile, {}).plan ?? {}).includes('docker');

/** True when a server of ours ended without having been stopped. */
const hasServerDied = () => names.some((name) => hasDied(name));

const startedByUs = 'ONRUSH_STARTED_SERVERS';

/**
 * Whether this command has to end the servers that it needs: nobody had started them. The environment tells it to the process that goes on with
 * the same command on the project's own Node.
 */
function ownsServers() {
  if (!areServersUp()) process.env[startedByUs] = 'yes';
  return process.env[startedByUs] === 'yes';
}

/** Ends the servers that were started from this checkout, or those of them that are named, and no others. */
async function serversDown(progress, which = names) {
  const { plan = {}, ports } = readJson(stateFile, {});
  const ours = { consul, kafka, redis, mysql };
  await Promise.all(
    which.map(async (name) => {
      const server = ours[name];
      if (pidOf(name) !== undefined) await progress.step(`stopping ${name}`, server.stop);
      else await server.stop();
    }),
  );
  if (ports && Object.values(plan).includes('docker'))
    await progress.step('stopping containers', () => docker.stopAll(ports));
  if (names.every((name) => pidOf(name) === undefined)) fs.rmSync(stateFile, { force: true });
}

module.exports = { hasServerDied, ownsServers, serversUp, serversDown, areServersUp, envFile };
