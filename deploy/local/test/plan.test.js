'use strict';
const { planServers, whatIsMissing } = require('../plan');

const bare = {
  mysql: false,
  redis: false,
  kafka: false,
  consul: false,
  docker: () => false,
  apt: false,
  java: 0,
  maven: false,
  canBuildConsul: false,
};
const addresses = {
  MYSQL_URL: 'mysql://a:b@h:1',
  REDIS_URL: 'redis://h:1',
  KAFKA_BROKERS: 'h:1',
  CONSUL_HTTP_ADDR: 'h:1',
};
const all = (source) => ({ mysql: source, redis: source, kafka: source, consul: source });

test('an address goes before a program, a program before Docker, Docker before an installation', () => {
  const rich = {
    ...bare,
    mysql: true,
    redis: true,
    kafka: true,
    consul: true,
    docker: () => true,
    apt: true,
    canBuildConsul: true,
  };
  expect(planServers(addresses, rich)).toEqual(all('environment'));
  expect(planServers({}, rich)).toEqual(all('installed'));
  expect(planServers({}, { ...bare, docker: () => true, apt: true })).toEqual(all('docker'));
  expect(planServers({}, { ...bare, apt: true, canBuildConsul: true })).toEqual(all('install'));
});

test('each server is decided by itself', () => {
  const plan = planServers({ REDIS_URL: 'redis://h:1' }, { ...bare, mysql: true, maven: true, java: 17 });

  expect(plan).toEqual({ mysql: 'installed', redis: 'environment', kafka: 'install', consul: 'missing' });
  expect(whatIsMissing(plan)).toBeUndefined();
});

test('Docker is asked only where something is not there', () => {
  const docker = jest.fn(() => true);
  planServers(addresses, { ...bare, docker });

  expect(docker).not.toHaveBeenCalled();
});

test('without Consul the fleet can still run, also because somebody says so', () => {
  expect(planServers({ DISCOVERY: 'static' }, { ...bare, consul: true }).consul).toBe('static');
  expect(whatIsMissing({ ...all('installed'), consul: 'missing' })).toBeUndefined();
});

test('what is missing is named, each with the ways to get it', () => {
  const message = whatIsMissing(planServers({}, bare));

  expect(message).toMatch(/nothing was started/);
  expect(message).toMatch(/mysql: MYSQL_URL=.*mariadbd/);
  expect(message).toMatch(/redis: REDIS_URL=/);
  expect(message).toMatch(/kafka: KAFKA_BROKERS=.*Java 17/);
  expect(message).toMatch(/start Docker/);
});
