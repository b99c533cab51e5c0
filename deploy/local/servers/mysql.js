'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { local, localFolder, writeWhole } = require('../paths');
const { waitForPort } = require('../ports');
const { lastLines, pidOf, startProcess, stopProcess } = require('../process');
const { secrets } = require('../secrets');
const { findProgram } = require('../tools/find');
const { run } = require('../tools/run');
const { giveTo, unprivilegedUser } = require('../unprivileged');

const admin = 'onrush_admin';
const dataFolder = path.join(local, 'mysql');

/** MariaDB or MySQL from the PATH: both speak the same protocol, and our SQL is portable between them. */
const findServer = () => findProgram('mariadbd', 'mysqld');

function describe(program) {
  const text = spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout ?? '';
  return {
    kind: /mariadb/i.test(text) ? 'mariadb' : 'mysql',
    version: /\d+\.\d+\.\d+/.exec(text)?.[0] ?? 'unknown',
  };
}

/** Makes the data folder, under a name that says it is not finished until it is. */
async function initialise(program, user) {
  if (fs.existsSync(path.join(dataFolder, 'ready'))) return;
  fs.rmSync(dataFolder, { recursive: true, force: true });
  fs.mkdirSync(dataFolder, { recursive: true });
  giveTo(user, dataFolder);
  const installer = findProgram('mariadb-install-db', 'mysql_install_db');
  const [command, args] =
    describe(program).kind === 'mariadb' && installer
      ? [
          installer,
          [
            '--no-defaults',
            `--datadir=${dataFolder}`,
            '--auth-root-authentication-method=normal',
            '--skip-test-db',
            ...asRoot(user),
          ],
        ]
      : [program, ['--no-defaults', '--initialize-insecure', `--datadir=${dataFolder}`, ...asRoot(user)]];
  await run(command, args, { name: 'mysql-initialise', user });
  fs.writeFileSync(path.join(dataFolder, 'ready'), '');
  giveTo(user, dataFolder);
}

/** Both servers refuse to run as root unless told so by name. */
const asRoot = (user) => (!user && process.getuid?.() === 0 ? ['--user=root'] : []);

/** Runs before the server accepts anybody: the one account that may create schemas and users. */
function initSql() {
  const { mysqlPassword } = secrets();
  const account = `'${admin}'@'127.0.0.1'`;
  return [
    `CREATE USER IF NOT EXISTS ${account} IDENTIFIED BY '${mysqlPassword}';`,
    `ALTER USER ${account} IDENTIFIED BY '${mysqlPassword}';`,
    `GRANT ALL PRIVILEGES ON *.* TO ${account} WITH GRANT OPTION;`,
    '',
  ].join('\n');
}

async function start(port) {
  const program = findServer();
  const { kind } = describe(program);
  const user = unprivilegedUser(local, program);
  if (pidOf('mysql') === undefined) {
    await initialise(program, user);
    const initFile = path.join(dataFolder, 'init.sql');
    writeWhole(initFile, initSql(), 0o600);
    giveTo(user, dataFolder);
    const args = [
      '--no-defaults',
      `--datadir=${dataFolder}`,
      `--socket=${path.join(dataFolder, 'server.sock')}`,
      `--pid-file=${path.join(dataFolder, 'server.pid')}`,
      `--init-file=${initFile}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      '--character-set-server=utf8mb4',
      '--innodb-flush-log-at-trx-commit=1',
      '--innodb-buffer-pool-size=1G',
      // A log that a sale does not fill: a full one has the changed pages written out, and written again after the next change.
      kind === 'mysql' ? '--loose-innodb-redo-log-capacity=512M' : '--innodb-log-file-size=512M',
      '--max-connections=500',
      '--skip-name-resolve',
      // MySQL's second protocol listens on a port of its own, which nobody asked for.
      ...(kind === 'mysql' ? ['--loose-mysqlx=0'] : []),
      ...asRoot(user),
    ];
    const { log } = await startProcess({
      name: 'mysql',
      command: program,
      args,
      user,
      cwd: localFolder(),
      niceness: 15,
    });
    await waitForPort(port, { isAlive: () => pidOf('mysql') !== undefined }).catch((error) => {
      throw new Error(`${kind} did not start: ${error.message}\n${lastLines(log)}`);
    });
  }
  return { MYSQL_ADMIN_URL: adminUrl(port), MYSQL_SERVER_KIND: kind };
}

const adminUrl = (port) =>
  `mysql://${admin}:${encodeURIComponent(secrets().mysqlPassword)}@127.0.0.1:${port}`;

module.exports = { findServer, describe, start, stop: () => stopProcess('mysql'), adminUrl };
