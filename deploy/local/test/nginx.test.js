'use strict';
const { provideNginx } = require('../tools/nginx');

test('nginx that is there is used, and nothing is installed', async () => {
  const install = jest.fn();

  const program = await provideNginx({ find: () => '/usr/sbin/nginx', canInstall: true, install });

  expect(program).toBe('/usr/sbin/nginx');
  expect(install).not.toHaveBeenCalled();
});

test('nginx that is missing is installed where that can be done', async () => {
  let program;
  const install = () => Promise.resolve((program = '/usr/sbin/nginx'));

  expect(await provideNginx({ find: () => program, canInstall: true, install })).toBe('/usr/sbin/nginx');
});

test('where nginx cannot be had, the message says how to get it', async () => {
  const install = jest.fn();

  await expect(provideNginx({ find: () => undefined, canInstall: false, install })).rejects.toThrow(
    /nginx is missing[\s\S]*apt-get install nginx[\s\S]*run as root/,
  );
  expect(install).not.toHaveBeenCalled();
});
