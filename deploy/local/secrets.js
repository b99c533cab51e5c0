'use strict';
const { generateKeyPairSync, randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { local, readJson, writeWhole } = require('./paths');

const file = path.join(local, 'secrets.json');

/** Made once per checkout, readable by its owner alone. */
function secrets() {
  const known = readJson(file, {});
  const made = {
    mysqlPassword: known.mysqlPassword ?? randomBytes(18).toString('base64url'),
    keyEncryptionSecret: known.keyEncryptionSecret ?? randomBytes(32).toString('base64'),
    mockPaymentSecret: known.mockPaymentSecret ?? randomBytes(24).toString('base64url'),
    purchaseTokenSecret: known.purchaseTokenSecret ?? randomBytes(32).toString('base64url'),
    alertWebhookToken: known.alertWebhookToken ?? randomBytes(32).toString('base64url'),
  };
  if (Object.keys(made).some((name) => made[name] !== known[name]))
    writeWhole(file, JSON.stringify(made, null, 2), 0o600);
  return made;
}

/** One Ed25519 key pair for each service: internal calls are signed by their caller. Returns the file of public keys and of each private one. */
function internalKeys(services) {
  const folder = path.join(local, 'keys');
  const jwks = path.join(folder, 'internal-jwks.json');
  const privateKeyOf = (service) => path.join(folder, `${service}.jwk.json`);
  const isComplete = fs.existsSync(jwks) && services.every((service) => fs.existsSync(privateKeyOf(service)));
  if (!isComplete) {
    const keys = services.map((service) => {
      const { publicKey, privateKey } = generateKeyPairSync('ed25519');
      writeWhole(
        privateKeyOf(service),
        JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: service }),
        0o600,
      );
      return { ...publicKey.export({ format: 'jwk' }), kid: service, alg: 'EdDSA' };
    });
    writeWhole(jwks, JSON.stringify({ keys }, null, 2));
  }
  return { jwks, privateKeyOf };
}

module.exports = { secrets, internalKeys };
