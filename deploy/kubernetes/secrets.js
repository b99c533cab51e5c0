'use strict';
const { generateKeyPairSync, randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { stringify } = require('yaml');
const { services } = require('../local/fleet');

const usage = [
  'node deploy/kubernetes/secrets.js --namespace=<namespace> --mysql=<host:port> --redis=<URL> --to=<new folder>',
  '',
  'Makes up every secret of a cluster: secrets.yaml, for `kubectl create -f`, and schemas.sql, for the MySQL server',
  '(of the overlay dev, which has one of its own, it is in secrets.yaml, too). Nothing is ever written over.',
].join('\n');

const text = (bytes) => randomBytes(bytes).toString('base64url');
const withoutSchema = new Set(['gateway']);
/** As deploy/local/schemas.js names them. */
const schemaOf = (service) => `onrush_${service.replace('-service', '')}`;

/** What a service has for itself. The names are those of its configuration. */
const ownSecrets = {
  'auth-service': () => ({ KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64') }),
  'seckill-service': () => ({ PURCHASE_TOKEN_SECRET: text(32) }),
  'payment-service': () => ({ MOCK_PAYMENT_SECRET: text(24) }),
};

/** The objects that the manifests refer to and do not have, and the statements that make schemas and accounts. */
function makeSecrets({ namespace, mysql, redis }) {
  const keys = [];
  const statements = [];
  const secrets = services.map((service) => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    keys.push({ ...publicKey.export({ format: 'jwk' }), kid: service, alg: 'EdDSA' });
    const stringData = {
      'internal-private-key.json': JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: service }),
      REDIS_URL: redis,
      ...ownSecrets[service]?.(),
    };
    if (!withoutSchema.has(service)) {
      const schema = schemaOf(service);
      const password = text(18);
      stringData.MYSQL_URL = `mysql://${schema}:${password}@${mysql}/${schema}`;
      statements.push(
        `CREATE DATABASE IF NOT EXISTS ${schema} CHARACTER SET utf8mb4;`,
        `CREATE USER '${schema}'@'%' IDENTIFIED BY '${password}';`,
        `GRANT ALL PRIVILEGES ON ${schema}.* TO '${schema}'@'%';`,
      );
    }
    return object('Secret', { name: service, namespace }, { stringData });
  });
  const sql = `${statements.join('\n')}\n`;
  const server = { stringData: { 'root-password': text(18), 'schemas.sql': sql } };
  const objects = [
    ...secrets,
    object('Secret', { name: 'mysql', namespace }, server),
    object(
      'ConfigMap',
      { name: 'internal-keys', namespace },
      { data: { 'internal-jwks.json': JSON.stringify({ keys }) } },
    ),
  ];
  return { objects, sql };
}

const object = (kind, metadata, content) => ({ apiVersion: 'v1', kind, metadata, ...content });

/** Throws with what was expected. */
function optionsOf(args) {
  const option = { type: 'string', default: '' };
  const { values } = parseArgs({
    args,
    options: { namespace: option, mysql: option, redis: option, to: option },
  });
  const expected = {
    namespace: [/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'the name of a namespace, such as onrush'],
    mysql: [/^[a-z0-9.-]+:\d{1,5}$/i, 'host:port, such as mysql.internal:3306'],
    redis: [/^(rediss?|redis\+cluster):\/\/\S+$/, 'a URL, such as redis://redis.internal:6379'],
    to: [/./, 'a folder that does not exist yet, outside of the checkout'],
  };
  const problems = Object.entries(expected)
    .filter(([name, [pattern]]) => !pattern.test(values[name]))
    .map(([name, [, what]]) => `--${name}: expected ${what}`);
  if (problems.length > 0) throw new Error(`${problems.join('\n')}\n\n${usage}`);
  return values;
}

function main(args) {
  const { to, ...options } = optionsOf(args);
  const { objects, sql } = makeSecrets(options);
  // Fails where it is there: nobody gets a key back that was written over.
  fs.mkdirSync(to, { mode: 0o700 });
  const write = (name, content) =>
    fs.writeFileSync(path.join(to, name), content, { mode: 0o600, flag: 'wx' });
  write('secrets.yaml', objects.map((one) => stringify(one, { lineWidth: 0 })).join('---\n'));
  write('schemas.sql', sql);
  console.log(`written: ${path.join(to, 'secrets.yaml')}, ${path.join(to, 'schemas.sql')}`);
}

if (require.main === module) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 2;
  }
}

module.exports = { makeSecrets, optionsOf };
