'use strict';
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { cache, local, localFolder, writeWhole } = require('../paths');
const { waitForPort } = require('../ports');
const { lastLines, pidOf, startProcess, stopProcess } = require('../process');
const { isCached } = require('../tools/cache');
const { findProgram, javaVersion } = require('../tools/find');
const { kafkaTool } = require('../tools/install');
const { run } = require('../tools/run');
const { giveTo, unprivilegedUser } = require('../unprivileged');

/** The folder of Kafka's jars: of an installed Kafka, or of our cache. Needs Java 17. */
function findLibraries() {
  if (javaVersion() < 17) return undefined;
  const script = findProgram('kafka-server-start', 'kafka-server-start.sh');
  const home =
    process.env.KAFKA_HOME ?? (script && path.resolve(path.dirname(fs.realpathSync(script)), '..'));
  const libraries =
    home &&
    ['libs', path.join('libexec', 'libs')]
      .map((folder) => path.join(home, folder))
      .find((folder) => fs.existsSync(folder));
  if (libraries) return libraries;
  return isCached(kafkaTool) ? path.join(cache, kafkaTool, 'libs') : undefined;
}

/** One node that is broker and controller (KRaft). Topics are made by the services, never by accident. */
function properties({ kafka, kafkaController }, dataFolder) {
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${kafkaController}`,
    `listeners=PLAINTEXT://127.0.0.1:${kafka},CONTROLLER://127.0.0.1:${kafkaController}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${kafka}`,
    'controller.listener.names=CONTROLLER',
    `log.dirs=${dataFolder}`,
    'num.partitions=6',
    'auto.create.topics.enable=false',
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=8',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'transaction.state.log.num.partitions=8',
    'share.coordinator.state.topic.replication.factor=1',
    'share.coordinator.state.topic.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    // An index is mapped into memory, and the kernel reads as much of it ahead as the disk is set to (10 MB, the default, hold a processor for 25 ms,
    // for each partition that is written to). This is enough for a segment of 1 GB.
    'log.index.size.max.bytes=262144',
    'log.index.interval.bytes=65536',
    '',
  ].join('\n');
}

/** 16 bytes in base64url, as Kafka's own ids. One that begins with `-` would be taken for an option, so the first bit is 0. */
function newClusterId(random = randomBytes) {
  const bytes = random(16);
  bytes[0] &= 0x7f;
  return bytes.toString('base64url');
}

async function start(ports) {
  const libraries = findLibraries();
  if (!libraries)
    throw new Error(
      `Kafka needs Java 17, and this system has ${javaVersion() || 'none'}; give one in KAFKA_BROKERS`,
    );
  const java = findProgram('java');
  const folder = localFolder('kafka');
  const dataFolder = path.join(folder, 'data');
  const settings = path.join(folder, 'server.properties');
  const user = unprivilegedUser(local, libraries);
  if (pidOf('kafka') === undefined) {
    writeWhole(settings, properties(ports, dataFolder));
    const classPath = ['-cp', path.join(libraries, '*')];
    if (!fs.existsSync(path.join(dataFolder, 'meta.properties'))) {
      const tool = [...classPath, 'kafka.tools.StorageTool'];
      await run(java, [...tool, 'format', '-t', newClusterId(), '-c', settings], { name: 'kafka-format' });
    }
    giveTo(user, folder);
    const heap = [
      '-Xmx512m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    ];
    const args = [...heap, ...classPath, 'kafka.Kafka', settings];
    const { log } = await startProcess({
      name: 'kafka',
      command: java,
      args,
      user,
      cwd: folder,
      niceness: 15,
    });
    await waitForPort(ports.kafka, { isAlive: () => pidOf('kafka') !== undefined }).catch((error) => {
      throw new Error(`Kafka did not start: ${error.message}\n${lastLines(log)}`);
    });
  }
  return { KAFKA_BROKERS: `127.0.0.1:${ports.kafka}` };
}

module.exports = { findLibraries, newClusterId, start, stop: () => stopProcess('kafka') };
