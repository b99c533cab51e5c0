'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { alertRouting } = require('../observability');
const { local, localFolder, readJson, writeWhole } = require('../paths');
const { pidOf, stopProcess } = require('../process');
const { startUntilReady } = require('../ready');
const { secrets } = require('../secrets');
const { findProgram } = require('../tools/find');
const { giveTo, unprivilegedUser } = require('../unprivileged');

const folder = () => localFolder('alertmanager');
const fleetsFolder = () => localFolder('alertmanager', 'fleets');
const configFile = () => path.join(folder(), 'alertmanager.yml');
const routingFile = () => path.join(folder(), 'routing.json');
const tokenFile = () => path.join(folder(), 'webhook-token');

/** Debian has given it another name. */
const findServer = () => findProgram('alertmanager', 'prometheus-alertmanager');

/**
 * `deploy/observability/alertmanager.yaml` with a receiver for each fleet: its own notify-service, at the port that it has now. Fleets come and go;
 * what is about none of those that are there is told to nobody.
 */
function configuration({ route, receivers: [receiver], ...others }, fleets, token) {
  const [webhook] = receiver.webhook_configs;
  const receiverOf = ({ namespace, url }) => ({
    name: `${receiver.name} of ${namespace || 'the fleet'}`,
    webhook_configs: [
      { ...webhook, url, http_config: { authorization: { type: 'Bearer', credentials_file: token } } },
    ],
  });
  const routeTo = (fleet) => ({
    receiver: receiverOf(fleet).name,
    matchers: [`namespace="${fleet.namespace}"`],
  });
  return {
    ...others,
    route: { ...route, receiver: 'nobody', routes: fleets.map(routeTo) },
    receivers: [{ name: 'nobody' }, ...fleets.map(receiverOf)],
  };
}

function writeConfiguration() {
  const fleets = fs
    .readdirSync(fleetsFolder())
    .sort()
    .map((file) => readJson(path.join(fleetsFolder(), file)));
  const written = configuration(readJson(routingFile()), fleets, tokenFile());
  writeWhole(configFile(), JSON.stringify(written, null, 2));
}

async function start({ alertmanager }, { isHurried = false } = {}) {
  const program = findServer();
  const user = unprivilegedUser(local, program);
  if (pidOf('alertmanager') === undefined) {
    fs.rmSync(fleetsFolder(), { recursive: true });
    writeWhole(routingFile(), JSON.stringify(alertRouting({ isHurried })));
    writeWhole(tokenFile(), secrets().alertWebhookToken, 0o600);
    writeConfiguration();
    giveTo(user, folder());
    const settings = {
      'config.file': configFile(),
      'storage.path': path.join(folder(), 'data'),
      'web.listen-address': `127.0.0.1:${alertmanager}`,
      'web.external-url': `http://127.0.0.1:${alertmanager}`,
      // One of its kind: it looks for no others, and listens for none.
      'cluster.listen-address': '',
      'log.level': 'warn',
    };
    await startUntilReady({
      name: 'alertmanager',
      port: alertmanager,
      command: program,
      settings,
      user,
      cwd: folder(),
    });
  }
  return { url: `http://127.0.0.1:${alertmanager}` };
}

/** From now on the notify-service of that fleet is told of its alerts, until the function that is returned is called. */
function watch({ namespace, ports }) {
  const file = path.join(fleetsFolder(), `${namespace || 'fleet'}.json`);
  const url = `http://127.0.0.1:${ports['notify-service'].http}/internal/alerts`;
  writeWhole(file, JSON.stringify({ namespace, url }));
  reconfigure();
  return () => {
    fs.rmSync(file, { force: true });
    reconfigure();
  };
}

function reconfigure() {
  const pid = pidOf('alertmanager');
  if (pid === undefined) return;
  writeConfiguration();
  process.kill(pid, 'SIGHUP');
}

module.exports = { configuration, findServer, start, stop: () => stopProcess('alertmanager'), watch };
