'use strict';
const { spawn } = require('node:child_process');
const path = require('node:path');
const { readJson, root } = require('../deploy/local/paths');
const { envFile } = require('../deploy/local/servers');
const { build, continueOnProjectNode, installPackages, withProjectNode } = require('./packages');

/** Hands over to seckill-service's own command, with the MySQL of the local environment unless the environment names a schema. */
async function verifySale(progress, args) {
  await installPackages(progress);
  await continueOnProjectNode();
  await build(progress);
  const script = path.join(root, 'seckill-service', 'dist', 'verify-sale.js');
  const child = spawn(process.execPath, ['--enable-source-maps', script, ...args], {
    stdio: 'inherit',
    cwd: root,
    env: { ...withProjectNode(), ...mysqlOfSale(process.env, readJson(envFile, {})) },
  });
  process.on('SIGINT', () => undefined);
  const code = await new Promise((resolve) => child.once('exit', (exitCode) => resolve(exitCode ?? 1)));
  process.exit(code);
}

/** `MYSQL_URL` and `MYSQL_TYPE` of seckill-service's schema. */
function mysqlOfSale({ MYSQL_URL, MYSQL_TYPE, NAMESPACE }, { MYSQL_ADMIN_URL, MYSQL_SERVER_KIND }) {
  const namesSchema = URL.canParse(MYSQL_URL ?? '') && new URL(MYSQL_URL).pathname.length > 1;
  if (namesSchema) return { MYSQL_URL, MYSQL_TYPE: MYSQL_TYPE ?? 'mysql' };
  if (!MYSQL_ADMIN_URL) return {};
  const url = new URL(MYSQL_ADMIN_URL);
  url.pathname = `/${NAMESPACE || 'onrush'}_seckill`;
  return { MYSQL_URL: url.href, MYSQL_TYPE: MYSQL_SERVER_KIND };
}

module.exports = { mysqlOfSale, verifySale };
