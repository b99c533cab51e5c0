'use strict';
const { environmentOf, services } = require('../fleet');

const known = {
  namespace: 't',
  servers: {},
  ports: Object.fromEntries([...services, 'seckill-worker'].map((name) => [name, {}])),
  schemas: {},
  keys: { jwks: 'a', privateKeyOf: () => 'b' },
};
const told = (name, service = name) => environmentOf({ name, service }, known);

afterEach(() => delete process.env.WORKERS);

test('how many workers there are is told to the gateway alone, and only where it is said', () => {
  expect(told('gateway')).not.toHaveProperty('WORKERS');

  process.env.WORKERS = '2';

  expect(told('gateway').WORKERS).toBe('2');
  for (const service of services.filter((name) => name !== 'gateway'))
    expect(told(service)).not.toHaveProperty('WORKERS');
  expect(told('seckill-worker', 'seckill-service')).not.toHaveProperty('WORKERS');
});
