'use strict';

const passwordAlphabet = /^[\w-]+$/;

/**
 * One schema for each service, and one account that sees it and nothing else. Returns the URL of each. The accounts of a namespace have a
 * password of their own, kept nowhere: it is set anew each time.
 */
async function createSchemas(adminUrl, namespace, services) {
  const mysql = require('mysql2/promise');
  const { randomBytes } = require('node:crypto');
  const connection = await mysql.createConnection(adminUrl);
  const urls = {};
  try {
    for (const service of services) {
      const schema = `${namespace || 'onrush'}_${service.replace('-service', '')}`;
      const password = randomBytes(18).toString('base64url');
      if (!passwordAlphabet.test(password)) throw new Error('a password that would need quoting');
      await connection.query(`CREATE DATABASE IF NOT EXISTS ${schema} CHARACTER SET utf8mb4`);
      await connection.query(`CREATE USER IF NOT EXISTS '${schema}'@'%' IDENTIFIED BY '${password}'`);
      await connection.query(`ALTER USER '${schema}'@'%' IDENTIFIED BY '${password}'`);
      await connection.query(`GRANT ALL PRIVILEGES ON ${schema}.* TO '${schema}'@'%'`);
      const url = new URL(adminUrl);
      url.username = schema;
      url.password = password;
      url.pathname = `/${schema}`;
      urls[service] = url.href;
    }
  } finally {
    await connection.end();
  }
  return urls;
}

/** Removes the schemas and accounts of a namespace that is over. */
async function dropSchemas(adminUrl, namespace, services) {
  const mysql = require('mysql2/promise');
  const connection = await mysql.createConnection(adminUrl);
  for (const service of services) {
    const schema = `${namespace}_${service.replace('-service', '')}`;
    await connection.query(`DROP DATABASE IF EXISTS ${schema}`);
    await connection.query(`DROP USER IF EXISTS '${schema}'@'%'`);
  }
  await connection.end();
}

module.exports = { createSchemas, dropSchemas };
