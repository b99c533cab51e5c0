'use strict';
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { makeSecrets: makeForCluster } = require('../kubernetes/secrets');
const { services } = require('../local/fleet');

const file = path.join(__dirname, '..', '.env');
const text = (bytes) => randomBytes(bytes).toString('base64url');
const variableOf = (service, what) => `${service.toUpperCase().replaceAll('-', '_')}_${what}`;

/** What deploy/docker-compose.yml asks for, by name; of a service, what it has in a cluster too. */
function makeSecrets() {
  const { objects } = makeForCluster({
    namespace: 'onrush',
    mysql: 'mysql:3306',
    redis: 'redis://redis:6379',
  });
  const named = (wanted) => objects.find(({ metadata }) => metadata.name === wanted);
  const made = {
    MYSQL_ROOT_PASSWORD: text(18),
    INTERNAL_JWKS: named('internal-keys').data['internal-jwks.json'],
  };
  for (const service of services) {
    const { 'internal-private-key.json': key, MYSQL_URL: url, ...own } = named(service).stringData;
    // Here it is no secret.
    delete own.REDIS_URL;
    made[variableOf(service, 'KEY')] = key;
    if (url) made[variableOf(service.replace('-service', ''), 'MYSQL_PASSWORD')] = new URL(url).password;
    Object.assign(made, own);
  }
  return {
    ...made,
    ALERT_WEBHOOK_TOKEN: text(32),
    GRAFANA_PASSWORD: text(18),
    ELASTIC_PASSWORD: text(18),
    KIBANA_PASSWORD: text(18),
  };
}

/** No secrets: what runs, and where spans go. Change them in .env. */
const settings = {
  COMPOSE_PROFILES: 'observe',
  GATEWAY_PORT: '8080',
  PUBLIC_URL: 'http://127.0.0.1:8080',
  LOG_LEVEL: 'info',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otel-collector:4317',
};

const envFile = (values) =>
  Object.entries(values)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('');

if (require.main === module) {
  try {
    // Fails where it is there: nobody gets a key back that was written over.
    fs.writeFileSync(file, envFile({ ...settings, ...makeSecrets() }), { mode: 0o600, flag: 'wx' });
    console.log(`written: ${file}`);
  } catch (error) {
    console.error(error.code === 'EEXIST' ? `${file} is there already, and stays as it is` : error.message);
    process.exitCode = 2;
  }
}

module.exports = { envFile, makeSecrets, settings };
