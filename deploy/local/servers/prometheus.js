'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { local, localFolder, writeWhole } = require('../paths');
const { rules } = require('../observability');
const { pidOf, stopProcess } = require('../process');
const { startUntilReady } = require('../ready');
const { findProgram } = require('../tools/find');
const { giveTo, unprivilegedUser } = require('../unprivileged');

const folder = () => localFolder('prometheus');
const targetsFolder = () => localFolder('prometheus', 'targets');
const rulesFolder = () => localFolder('prometheus', 'rules');

const findServer = () => findProgram('prometheus');

/** Prometheus reads JSON as well: it is YAML. Whom it asks is in a file for each fleet, since fleets come and go. */
const configuration = ({ prometheus, alertmanager }) => ({
  global: { scrape_interval: '5s', evaluation_interval: '5s' },
  rule_files: ['rules/*.json'],
  alerting: { alertmanagers: [{ static_configs: [at(alertmanager)] }] },
  scrape_configs: [
    { job_name: 'onrush', file_sd_configs: [{ files: ['targets/*.json'] }] },
    { job_name: 'prometheus', static_configs: [at(prometheus)] },
    { job_name: 'alertmanager', static_configs: [at(alertmanager)] },
  ],
});

const at = (port) => ({ targets: [`127.0.0.1:${port}`] });

/** The rules as they are now: one that was there before and is no more is gone. */
function writeRules(isHurried) {
  fs.rmSync(rulesFolder(), { recursive: true });
  for (const [name, text] of Object.entries(rules({ isHurried })))
    writeWhole(path.join(rulesFolder(), `${name}.json`), text);
}

async function start(ports, { isHurried = false } = {}) {
  const { prometheus } = ports;
  const program = findServer();
  const user = unprivilegedUser(local, program);
  if (pidOf('prometheus') === undefined) {
    writeWhole(path.join(folder(), 'prometheus.yml'), JSON.stringify(configuration(ports), null, 2));
    fs.rmSync(targetsFolder(), { recursive: true });
    targetsFolder();
    writeRules(isHurried);
    giveTo(user, folder());
    const settings = {
      'config.file': path.join(folder(), 'prometheus.yml'),
      'storage.tsdb.path': path.join(folder(), 'data'),
      'storage.tsdb.retention.time': '1d',
      'web.listen-address': `127.0.0.1:${prometheus}`,
      'web.external-url': `http://127.0.0.1:${prometheus}`,
      'log.level': 'warn',
    };
    await startUntilReady({
      name: 'prometheus',
      port: prometheus,
      command: program,
      settings,
      user,
      cwd: folder(),
    });
  }
  return { url: `http://127.0.0.1:${prometheus}` };
}

/** From now on Prometheus asks the management port of each process of that fleet, until the function that is returned is called. */
function watch({ namespace, ports }) {
  const file = path.join(targetsFolder(), `${namespace || 'fleet'}.json`);
  const targets = Object.entries(ports).map(([name, { management }]) => ({
    targets: [`127.0.0.1:${management}`],
    labels: { process: name, namespace },
  }));
  writeWhole(file, JSON.stringify(targets, null, 2));
  return () => fs.rmSync(file, { force: true });
}

module.exports = { findServer, start, stop: () => stopProcess('prometheus'), watch };
