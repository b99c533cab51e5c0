'use strict';
const consul = require('./servers/consul');
const kafka = require('./servers/kafka');
const mysql = require('./servers/mysql');
const redis = require('./servers/redis');
const { dockerAnswers, findProgram, javaVersion } = require('./tools/find');
const { canBuildConsul, canInstallDebianPackages } = require('./tools/install');

/**
 * Where each server comes from, in this order: an address in the environment, a program on the PATH or in the tool cache, a Docker engine,
 * the system's package managers. Decided for all of them before anything starts.
 */
function planServers(environment = process.env, machine = lookAtMachine()) {
  const from = (address, isThere, canInstall) => {
    if (environment[address]) return 'environment';
    if (isThere) return 'installed';
    if (machine.docker()) return 'docker';
    return canInstall ? 'install' : 'missing';
  };
  return {
    mysql: from('MYSQL_URL', machine.mysql, machine.apt),
    redis: from('REDIS_URL', machine.redis, machine.apt),
    kafka: from('KAFKA_BROKERS', machine.kafka, machine.apt || (machine.maven && machine.java >= 17)),
    consul:
      environment.DISCOVERY === 'static'
        ? 'static'
        : from('CONSUL_HTTP_ADDR', machine.consul, machine.canBuildConsul),
  };
}

function lookAtMachine() {
  let docker;
  return {
    mysql: mysql.findServer() !== undefined,
    redis: redis.findServer() !== undefined,
    kafka: kafka.findLibraries() !== undefined,
    consul: consul.findServer() !== undefined,
    docker: () => (docker ??= dockerAnswers()),
    apt: canInstallDebianPackages(),
    java: javaVersion(),
    maven: findProgram('mvn') !== undefined,
    canBuildConsul: canBuildConsul(),
  };
}

const ways = {
  mysql:
    'MYSQL_URL=mysql://admin:password@host:3306 (an account that may create schemas and users), or mariadbd/mysqld on the PATH',
  redis: 'REDIS_URL=redis://host:6379, or redis-server on the PATH',
  kafka: 'KAFKA_BROKERS=host:9092, or Java 17 with either Kafka (KAFKA_HOME) or Maven on the PATH',
};

/** What a person has to do about servers that cannot be had; undefined when all can. */
function whatIsMissing(plan) {
  const missing = Object.keys(ways).filter((name) => plan[name] === 'missing');
  if (missing.length === 0) return undefined;
  const lines = missing.map((name) => `  ${name}: ${ways[name]}`);
  const common =
    '  for all of them: start Docker; or run as root on Debian or Ubuntu, and they are installed';
  return [
    `These servers cannot be had on this machine, so nothing was started. Ways to get them:`,
    ...lines,
    common,
  ].join('\n');
}

const noConsul =
  'CONSUL CANNOT BE HAD HERE (no Consul, no Docker, and no Go ≥ 1.25 with 6 GB of free space to build it): RUNNING WITH DISCOVERY=static';

const noConsulBuilt = 'CONSUL COULD NOT BE BUILT: RUNNING WITH DISCOVERY=static';

module.exports = { planServers, whatIsMissing, noConsul, noConsulBuilt };
