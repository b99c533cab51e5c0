'use strict';
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { mysqlOfSale } = require('../../../scripts/verify-sale');
const { root } = require('../paths');

const local = { MYSQL_ADMIN_URL: 'mysql://root:secret@127.0.0.1:3333', MYSQL_SERVER_KIND: 'mariadb' };

describe('the MySQL of verify-sale', () => {
  test('is that of the local environment, unless the environment names a schema', () => {
    const given = { MYSQL_URL: 'mysql://sale:secret@db:3306/shop', MYSQL_TYPE: 'mariadb' };

    expect(mysqlOfSale({}, local)).toEqual({
      MYSQL_URL: 'mysql://root:secret@127.0.0.1:3333/onrush_seckill',
      MYSQL_TYPE: 'mariadb',
    });
    expect(mysqlOfSale({ NAMESPACE: 'blue', MYSQL_URL: 'mysql://root@127.0.0.1:3333' }, local)).toMatchObject(
      {
        MYSQL_URL: 'mysql://root:secret@127.0.0.1:3333/blue_seckill',
      },
    );
    expect(mysqlOfSale(given, local)).toEqual(given);
    expect(mysqlOfSale({ MYSQL_URL: given.MYSQL_URL }, {})).toMatchObject({ MYSQL_TYPE: 'mysql' });
    expect(mysqlOfSale({}, {})).toEqual({});
  });
});

describe('the command', () => {
  const verify = (args, env = {}) =>
    spawnSync(process.execPath, [path.join(root, 'seckill-service', 'dist', 'verify-sale.js'), ...args], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, ...env },
    });

  test.each([
    [[]],
    [['0']],
    [['12x']],
    [['1', '2']],
    [['1', '--head', '7']],
    [['1', '--depth', '7']],
    [['1']],
  ])('%j ends with 2 and the usage', (args) => {
    const { status, stdout, stderr } = verify(args);

    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('npm run verify-sale -- <activity>');
  });

  test('help is help, and a server that is away is no verdict', () => {
    expect(verify(['--help'])).toMatchObject({ status: 0, stdout: expect.stringContaining('--head') });
    expect(verify(['1'], { MYSQL_URL: 'mysql://x:y@127.0.0.1:1/z' })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('verify-sale: '),
    });
  });
});
