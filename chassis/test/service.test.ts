import { run } from './process-of-its-own';
const service = (components: string) => `
  const { runService } = require('./service.js');
  const component = (name, start = '', stop = '') => ({
    name,
    start: async () => { console.log('start ' + name); await eval(start); },
    stop: async () => { console.log('stop ' + name); await eval(stop); },
  });
  runService({
    name: 'test-service',
    config: () => ({ host: '127.0.0.1', managementPort: 0, logLevel: 'info', drainDelayMs: 0 }),
    createApp: (config, runtime) => ({ components: [${components}] }),
  });`;

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s stops the components in reverse order, and ends with 0',
  async (signal) => {
    const { child, ended, output, says } = run(service(`component('a'), component('b')`));
    await says('"msg":"ready"');

    child.kill(signal);

    expect(await ended).toBe(0);
    expect(output().match(/(start|stop) \w/g)).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  },
);

test('an exception that nobody caught ends it with 1, after what had started was stopped', async () => {
  const later = 'setTimeout(() => { throw new Error("boom") }, 50)';
  const { ended, output } = run(service(`component('a', ${JSON.stringify(later)})`));

  expect(await ended).toBe(1);
  expect(output()).toMatch(/"level":"fatal".*boom/);
  expect(output()).toContain('stop a');
});

test('so does a promise that nobody waits for, and a component that does not start', async () => {
  const rejected = run(service(`component('a', 'void Promise.reject(new Error("lost"))')`));
  expect(await rejected.ended).toBe(1);
  expect(rejected.output()).toMatch(/"level":"fatal".*lost/);

  const failed = run(service(`component('a'), component('b', 'Promise.reject(new Error("no port"))')`));
  expect(await failed.ended).toBe(1);
  expect(failed.output()).toMatch(/start failed/);
  expect(failed.output()).toContain('no port');
  expect(failed.output()).toContain('stop a');
});

test('without its Consul a service does not start, and says so', async () => {
  const discovery = `require('./consul-discovery.js').createConsulDiscovery({
    address: '127.0.0.1:1', namespace: '', logger: runtime.logger })`;
  const { ended, output } = run(service(`component('a'), ${discovery}`));

  expect(await ended).toBe(1);
  expect(output()).toMatch(/"component":"consul discovery".*ECONNREFUSED/);
  expect(output()).toContain('stop a');
});

test('a bad configuration ends it with 1 before anything starts, and every problem is named', async () => {
  const { ended, output } = run(
    `
    const { runService } = require('./service.js');
    const { loadConfig, processConfig, mysqlConfig } = require('./config.js');
    const { z } = require('zod');
    const schema = z.object({ ...processConfig, ...mysqlConfig });
    runService({
      name: 'test-service',
      config: () => loadConfig({ service: 'test-service', schema }),
      createApp: () => { console.log('created'); return { components: [] }; },
    });`,
    { HTTP_PORT: '99999', MYSQL_URL: 'postgres://x', INTERNAL_JWKS: 'a' },
  );

  expect(await ended).toBe(1);
  expect(output()).toContain('3 problem(s)');
  for (const key of ['HTTP_PORT', 'MYSQL_URL', 'INTERNAL_PRIVATE_KEY']) expect(output()).toContain(key);
  expect(output()).not.toContain('created');
});

test('what dies with its request is allocated young, whatever a crowd at the start made it look like', async () => {
  // Each round keeps what it allocates until it is over, as a crowd keeps its requests in flight.
  const crowd = `
    const serve = (id) => ({ id, headers: [id] });
    let bornOld = 0;
    function round() {
      const inFlight = [];
      for (let id = 0; id < 60_000; id += 1) {
        const request = serve(id);
        inFlight.push(request);
        if (!%InYoungGeneration(request.headers)) bornOld += 1;
      }
    }
    for (let count = 0; count < 20; count += 1) round();
    console.log('born old: ' + bornOld + '.');`;
  const start = `
    require('node:v8').setFlagsFromString('--allow-natives-syntax');
    new Function(${JSON.stringify(crowd)})();`;
  // V8 decides only when the young generation has its full size.
  const fullSize = ['--min-semi-space-size=2', '--max-semi-space-size=2'];
  const { child, ended, output, says } = run(
    service(`component('a', ${JSON.stringify(start)})`),
    {},
    fullSize,
  );
  await says('"msg":"ready"');
  child.kill();
  await ended;

  // Some are promoted by a collection between their birth and the look at them.
  expect(Number(/born old: (\d+)\./.exec(output())?.[1])).toBeLessThan(1_000);
});

const dying = `const { failpoint } = require('./failpoint.js');
  ${service(`component('a', 'for (const at of [1, 2, 3]) { console.log("pass " + at); failpoint("other"); failpoint("here"); }')`)}`;

test('a process with a failpoint ends by SIGKILL when it passes it for the n-th time, one without goes on', async () => {
  const armed = run(dying, { NODE_ENV: 'test', FAILPOINT: 'here:kill:2' });
  const unarmed = run(dying, { NODE_ENV: 'test' });
  const killed = new Promise((resolve) => armed.child.once('exit', (_code, signal) => resolve(signal)));

  expect(await killed).toBe('SIGKILL');
  await unarmed.says('"msg":"ready"');
  unarmed.child.kill('SIGTERM');

  expect(armed.output().match(/pass \d/g)).toEqual(['pass 1', 'pass 2']);
  expect(await unarmed.ended).toBe(0);
});

test.each([
  ['in production', { NODE_ENV: 'production', FAILPOINT: 'here:kill' }],
  ['where nobody said that it is a test', { FAILPOINT: 'here:kill' }],
  ['that is none', { NODE_ENV: 'test', FAILPOINT: 'here:sleep' }],
  ['that is never passed', { NODE_ENV: 'test', FAILPOINT: 'here:kill:0' }],
])('with a failpoint %s it does not start, and says so', async (_name, environment) => {
  const { ended, output } = run(dying, environment);

  expect(await ended).toBe(1);
  expect(output()).toContain('FAILPOINT: ');
  expect(output()).not.toContain('start a');
});
