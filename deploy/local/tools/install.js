'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { cache } = require('../paths');
const { cachedTool } = require('./cache');
const { findProgram, goVersion } = require('./find');
const { run } = require('./run');

const policyFile = '/usr/sbin/policy-rc.d';
const policy = '#!/bin/sh\n# Onrush installs servers that must not start by themselves.\nexit 101\n';

/** Whether we are root on a Debian. */
const canInstallDebianPackages = () => process.getuid?.() === 0 && findProgram('apt-get') !== undefined;

/** Debian packages. The servers that they bring must not start by themselves: we run our own, on our own ports. */
async function installDebianPackages(packages) {
  const isSomebodyElses = fs.existsSync(policyFile) && fs.readFileSync(policyFile, 'utf8') !== policy;
  if (!isSomebodyElses) fs.writeFileSync(policyFile, policy, { mode: 0o755 });
  const removePolicy = () => {
    if (!isSomebodyElses) fs.rmSync(policyFile, { force: true });
  };
  // Ctrl-C ends us here, too.
  process.once('exit', removePolicy);
  try {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update', '-qq'], { name: 'apt-update', env });
    await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
      name: 'apt-install',
      env,
    });
  } finally {
    removePolicy();
    process.off('exit', removePolicy);
  }
}

const kafkaTool = 'kafka-4.2.0';

/** Kafka's jars from Maven Central, as the committed pom.xml names them. */
const kafkaFromMaven = () =>
  cachedTool(kafkaTool, async (folder) => {
    fs.copyFileSync(path.join(__dirname, '..', 'kafka', 'pom.xml'), path.join(folder, 'pom.xml'));
    const goal = [
      'dependency:copy-dependencies',
      `-DoutputDirectory=${path.join(folder, 'libs')}`,
      '-DincludeScope=runtime',
    ];
    await run('mvn', ['-q', '-B', ...goal], { name: 'maven-kafka', cwd: folder });
  });

const consulTool = 'consul-1.22.0';

/** Whether there is a Go that can, and room for what a build leaves until its end. */
function canBuildFromGo(bytes) {
  const [major = 0, minor = 0] = goVersion() ?? [];
  if (major < 1 || (major === 1 && minor < 25)) return false;
  fs.mkdirSync(cache, { recursive: true });
  const { bavail, bsize } = fs.statfsSync(cache);
  return bavail * bsize > bytes;
}

const canBuildConsul = () => canBuildFromGo(6e9);

/** Consul from its Go modules. Two of its modules are in no checksum database; the committed go.sum pins them all the same. */
const consulFromGo = () =>
  programFromGo('consul', {
    tool: consulTool,
    source: 'github.com/hashicorp/consul',
    env: { GONOSUMDB: 'github.com/hashicorp/consul/*' },
  });

const jaegerTool = 'jaeger-1.62.0';
const canBuildJaeger = () => canBuildFromGo(3e9);

/** Jaeger, all in one: collector, store in memory, and the API that finds traces. */
const jaegerFromGo = () =>
  programFromGo('jaeger', { tool: jaegerTool, source: 'github.com/jaegertracing/jaeger/cmd/all-in-one' });

/** A program from its Go modules, as the committed go.mod and go.sum say: in the folder of its name, or in `modules`. */
const programFromGo = (name, { tool, source, env, modules = path.join(__dirname, '..', name) }) =>
  cachedTool(tool, async (folder) => {
    const work = path.join(folder, 'work');
    fs.mkdirSync(work);
    for (const file of ['go.mod', 'go.sum']) fs.copyFileSync(path.join(modules, file), path.join(work, file));
    const build = [
      'build',
      '-trimpath',
      '-buildvcs=false',
      '-ldflags=-s -w',
      // What serves one machine has nothing to do: without optimisation a bare machine waits a minute less for it.
      '-gcflags=all=-N -l',
      '-o',
      path.join(folder, name),
      source,
    ];
    await run(findProgram('go') ?? 'go', build, {
      name: `${name}-build`,
      env: {
        GOMODCACHE: path.join(work, 'modules'),
        GOCACHE: path.join(work, 'objects'),
        GOFLAGS: '-modcacherw',
        CGO_ENABLED: '0',
        GOGC: '400',
        ...env,
      },
      cwd: work,
    });
    await fs.promises.rm(work, { recursive: true, force: true });
  });

module.exports = {
  canBuildFromGo,
  programFromGo,
  canInstallDebianPackages,
  installDebianPackages,
  kafkaFromMaven,
  kafkaTool,
  consulFromGo,
  consulTool,
  canBuildConsul,
  jaegerFromGo,
  jaegerTool,
  canBuildJaeger,
};
