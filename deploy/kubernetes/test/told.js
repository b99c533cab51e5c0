'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { environmentName, loadConfig } = require('@onrush/chassis/config');
const { tracingSettings } = require('@onrush/chassis/tracing-lifecycle');
const { z } = require('zod');
const { root } = require('../../local/paths');

/** What the Secrets of a real cluster have (secrets.js); the values are none. */
const secretValues = {
  MYSQL_URL: 'mysql://user:password@mysql:3306/schema',
  REDIS_URL: 'redis://redis:6379',
  KEY_ENCRYPTION_SECRET: Buffer.alloc(32).toString('base64'),
  PURCHASE_TOKEN_SECRET: 'p'.repeat(32),
  MOCK_PAYMENT_SECRET: 'm'.repeat(32),
};

const of = (objects, kind) => objects.filter((object) => object.kind === kind);
const named = (objects, kind, name) => of(objects, kind).find(({ metadata }) => metadata.name === name);
const labelOf = ({ metadata }, name) => metadata.labels[`app.kubernetes.io/${name}`];
const deploymentOf = (objects, name) => named(objects, 'Deployment', name);
const containerOf = (deployment) => deployment.spec.template.spec.containers[0];
const serviceOf = (deployment) =>
  labelOf(deployment, 'name') === 'seckill-worker' ? 'seckill-service' : labelOf(deployment, 'name');
const shapeOf = (service) => require(path.join(root, service, 'src', 'config')).configShape;

function mapOf(objects, name) {
  const map = named(objects, 'ConfigMap', name);
  if (!map) throw new Error(`there is no ConfigMap ${name}`);
  return map.data;
}

/** The environment that a container gets, with a placeholder for what a Secret or the cluster puts in. */
function environmentOf(objects, { env = [], envFrom = [] }) {
  const environment = Object.assign(
    {},
    ...envFrom.map(({ configMapRef }) => mapOf(objects, configMapRef.name)),
  );
  for (const { name, value, valueFrom } of env) {
    if (valueFrom?.configMapKeyRef) {
      const { name: map, key } = valueFrom.configMapKeyRef;
      environment[name] = mapOf(objects, map)[key];
    } else if (valueFrom?.secretKeyRef) environment[name] = secretValues[valueFrom.secretKeyRef.key];
    else if (valueFrom?.fieldRef) environment[name] = '10.0.0.1';
    else environment[name] = value;
  }
  return environment;
}

/** The files that it finds in /app/config, in a folder of ours. */
function configFolderOf(objects, deployment) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'config-'));
  const mount = containerOf(deployment).volumeMounts.find(({ mountPath }) => mountPath === '/app/config');
  const volume = deployment.spec.template.spec.volumes.find(({ name }) => name === mount?.name);
  for (const [file, text] of Object.entries(volume ? mapOf(objects, volume.configMap.name) : {}))
    fs.writeFileSync(path.join(folder, file), text);
  return folder;
}

/** What the process itself would say to all that it is told. Throws ConfigError, with the key and what was expected. */
function configOf(objects, deployment) {
  const service = serviceOf(deployment);
  return loadConfig({
    service,
    schema: z.object(shapeOf(service)),
    environment: environmentOf(objects, containerOf(deployment)),
    directory: configFolderOf(objects, deployment),
  });
}

/** Read without a schema, as OpenTelemetry's own names are. */
const readElsewhere = new Set(
  fs
    .globSync(['chassis/src/**/*.ts'], { cwd: root })
    .flatMap((file) => [
      ...fs.readFileSync(path.join(root, file), 'utf8').matchAll(/process\.env\['(\w+)'\]/g),
    ])
    .map(([, name]) => name),
);

/** Names that nobody reads: loadConfig looks for its own and takes no notice of others. */
function unknownAmong(service, environment) {
  const known = new Set(Object.keys({ ...shapeOf(service), ...tracingSettings.shape }).map(environmentName));
  return Object.keys(environment).filter((name) => !known.has(name) && !readElsewhere.has(name));
}
const unknownNames = (objects, deployment) =>
  unknownAmong(serviceOf(deployment), environmentOf(objects, containerOf(deployment)));

module.exports = {
  configOf,
  containerOf,
  deploymentOf,
  environmentOf,
  labelOf,
  named,
  of,
  serviceOf,
  shapeOf,
  unknownAmong,
  unknownNames,
};
