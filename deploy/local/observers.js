'use strict';
const alertmanager = require('./servers/alertmanager');
const jaeger = require('./servers/jaeger');
const prometheus = require('./servers/prometheus');
const { portsOf } = require('./ports');
const { pidOf } = require('./process');
const {
  canBuildJaeger,
  canInstallDebianPackages,
  installDebianPackages,
  jaegerFromGo,
} = require('./tools/install');

const observers = { jaeger, prometheus, alertmanager };
const names = Object.keys(observers);
const ownerOf = { jaegerOtlp: 'jaeger' };
const packageOf = { prometheus: 'prometheus', alertmanager: 'prometheus-alertmanager' };

/** Where each comes from: it is installed, or it can be; or what a person has to do. */
function planObservers(machine = lookAtMachine()) {
  const from = (isThere, canInstall) => (isThere ? 'installed' : canInstall ? 'install' : 'missing');
  return {
    jaeger: from(machine.jaeger, machine.canBuildJaeger),
    prometheus: from(machine.prometheus, machine.apt),
    alertmanager: from(machine.alertmanager, machine.apt),
  };
}

function lookAtMachine() {
  return {
    jaeger: jaeger.findServer() !== undefined,
    prometheus: prometheus.findServer() !== undefined,
    alertmanager: alertmanager.findServer() !== undefined,
    apt: canInstallDebianPackages(),
    canBuildJaeger: canBuildJaeger(),
  };
}

const ways = {
  jaeger: 'jaeger-all-in-one on the PATH, or Go ≥ 1.25 and 3 GB of free space to build it',
  prometheus: 'prometheus on the PATH, or root on Debian or Ubuntu, and it is installed',
  alertmanager: 'alertmanager on the PATH, or root on Debian or Ubuntu, and it is installed',
};

function whatObserversMiss(plan) {
  const missing = names.filter((name) => plan[name] === 'missing');
  if (missing.length === 0) return undefined;
  const lines = missing.map((name) => `  ${name}: ${ways[name]}`);
  return ['--observe: these cannot be had on this machine. Ways to get them:', ...lines].join('\n');
}

/** Throws where one of them cannot be had: before anything else is started for them. */
function needObservers() {
  const plan = planObservers();
  const problem = whatObserversMiss(plan);
  if (problem) throw new Error(problem);
  return plan;
}

/** What is not there and can be installed is, so that who starts them later does not wait for it. */
async function installObservers(progress, plan = planObservers()) {
  const packages = names.filter((name) => plan[name] === 'install').flatMap((name) => packageOf[name] ?? []);
  if (packages.length > 0)
    await progress.step(`installing ${packages.join(', ')}`, () => installDebianPackages(packages));
  if (plan.jaeger === 'install')
    await progress.step('building Jaeger (2 minutes, once per machine)', jaegerFromGo);
}

/**
 * Jaeger, Prometheus and Alertmanager: `env` is what the fleet is told, so that it traces every request; `urls` are for people; `down` ends those that
 * did not run before. `isHurried`, for tests: alerts fire at once, where they would wait to be sure. Throws, with nothing started, where one cannot be had.
 */
async function observersUp(progress, { isHurried = false } = {}) {
  await installObservers(progress, needObservers());
  const ownNames = names.filter((name) => pidOf(name) === undefined);
  const ports = await portsOf(
    ['jaeger', 'jaegerOtlp', 'prometheus', 'alertmanager'],
    (name) => pidOf(ownerOf[name] ?? name) !== undefined,
  );
  const start = (name) =>
    progress.step(`starting ${name}`, () => observers[name].start(ports, { isHurried }));
  const starting = names.map(start);
  const [traces, metrics, alerts] = await Promise.all(starting).catch(async (error) => {
    await Promise.allSettled(starting);
    await observersDown(progress, ownNames);
    throw error;
  });
  return {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: traces.otlp, TRACE_RATIO: process.env.TRACE_RATIO ?? '1' },
    urls: { jaeger: traces.url, prometheus: metrics.url, alertmanager: alerts.url },
    down: () => observersDown(progress, ownNames),
  };
}

async function observersDown(progress, which = names) {
  await Promise.all(
    which
      .filter((name) => pidOf(name) !== undefined)
      .map((name) => progress.step(`stopping ${name}`, observers[name].stop)),
  );
}

/** From now on the fleet's processes are asked for their metrics, and its notify-service is told of its alerts, until the function that is returned is called. */
function watch(fleet) {
  const ends = [prometheus.watch(fleet), alertmanager.watch(fleet)];
  return () => ends.forEach((end) => end());
}

module.exports = {
  installObservers,
  needObservers,
  observersDown,
  observersUp,
  planObservers,
  watch,
  whatObserversMiss,
};
