'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { loadConfig } = require('@onrush/chassis/config');
const { z } = require('zod');
const proto = require('@onrush/proto');
const { processNames, services } = require('../../local/fleet');
const { root } = require('../../local/paths');
const { shapeOf, unknownAmong } = require('../../kubernetes/test/told');
const { interpolate, isOnce, policies, read, variablesOf } = require('../policies');
const { envFile, makeSecrets, settings } = require('../secrets');

const inDeploy = (...parts) => fs.readFileSync(path.join(root, 'deploy', ...parts), 'utf8');
const text = inDeploy('docker-compose.yml');
const compose = read(text);
const serviceOf = (name) => (name === 'seckill-worker' ? 'seckill-service' : name);

/** Every string of it with the values of a fresh .env, each put in after the file was parsed: a value may have quotes of its own. */
const filled = (value, values) =>
  typeof value === 'string'
    ? interpolate(value, values)
    : Array.isArray(value)
      ? value.map((one) => filled(one, values))
      : value && typeof value === 'object'
        ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, filled(one, values)]))
        : value;

const secrets = makeSecrets();
const values = { ...settings, ...secrets };

/** What the process itself would say. */
const configOf = (name, { environment }) =>
  loadConfig({
    service: serviceOf(name),
    schema: z.object(shapeOf(serviceOf(name))),
    environment,
    directory: path.join(root, 'config'),
  });

test.each(Object.entries(policies))('%s', (_name, policy) => {
  expect(policy(compose)).toEqual([]);
});

/** For each policy a file that breaks it, and where. */
const broken = {
  'every key is one that is known here': [(c) => (c.services.redis.imagee = 'x'), 'services.redis.imagee'],
  'what has to be up says when it is': [
    (c) => delete c.services.redis.healthcheck,
    'services.redis.healthcheck',
  ],
  'whoever is waited for can be waited for in that way': [
    (c) => (c.services.gateway.depends_on['user-service'].condition = 'service_started'),
    'services.gateway.depends_on.user-service: expected service_healthy',
  ],
  'nobody waits for what another profile has': [
    (c) => (c.services.gateway.depends_on.jaeger = { condition: 'service_healthy' }),
    'services.gateway.depends_on.jaeger',
  ],
  'profiles are as they are named': [
    (c) => (c.services.kibana.profiles = ['log']),
    'services.kibana.profiles',
  ],
  'what stops is started again': [(c) => delete c.services.mysql.restart, 'services.mysql.restart'],
  'images are pinned': [(c) => (c.services.redis.image = 'redis:7.4'), 'services.redis.image'],
  'the gateway alone is reached from outside': [
    (c) => (c.services.mysql.ports = ['3306:3306']),
    'services.mysql.ports',
  ],
  'everybody is in the network of the fleet': [
    (c) => (c.services.redis.networks = ['other']),
    'services.redis.networks',
  ],
  'logs are collected, and do not fill a disk': [
    (c) => delete c.services.redis.logging,
    'services.redis.logging',
  ],
  'nobody is privileged': [(c) => delete c.services.gateway.cap_drop, 'services.gateway.cap_drop'],
  'what is mounted is there': [
    (c) => c.services.redis.volumes.push('./compose/redis.conf:/redis.conf:ro'),
    'services.redis.volumes',
  ],
  'secrets and configs that are named are there': [
    (c) => delete c.secrets['gateway-key'],
    'services.gateway.secrets',
  ],
  'secrets come from .env, and are missed': [
    (c) => (c.services['payment-service'].environment.MOCK_PAYMENT_SECRET = 'in the clear'),
    'services.payment-service.environment.MOCK_PAYMENT_SECRET',
  ],
};
test('there is a broken file for each policy', () => {
  expect(Object.keys(broken)).toEqual(Object.keys(policies));
});
test.each(Object.entries(broken))('%s: what breaks it is named', (name, [breakIt, where]) => {
  // Parsed anew: what YAML shares by an anchor is one object.
  const copy = JSON.parse(JSON.stringify(compose));
  breakIt(copy);

  expect(policies[name](copy)).toEqual([expect.stringContaining(`deploy/docker-compose.yml: ${where}`)]);
});

test('an address with a password in the clear is refused too', () => {
  const copy = JSON.parse(JSON.stringify(compose));
  copy.services.gateway.environment.REDIS_URL = 'redis://:secret@redis:6379';

  expect(policies['secrets come from .env, and are missed'](copy)).toHaveLength(1);
});

describe('what processes are told', () => {
  const { services: started } = filled(compose, values);

  test('there is every process of the fleet, and a migration of every service that has some', () => {
    const built = Object.keys(started).filter((name) => started[name].build);
    const migrating = services.filter((service) => fs.existsSync(path.join(root, service, 'src/migrate.ts')));

    expect(built.filter((name) => !isOnce(started[name])).sort()).toEqual([...processNames].sort());
    expect(built.filter((name) => isOnce(started[name])).sort()).toEqual(
      migrating.map((service) => service.replace('-service', '-migration')).sort(),
    );
    for (const name of built.filter((one) => !isOnce(started[one]))) {
      expect(started[name].build.args.SERVICE).toBe(serviceOf(name));
      expect(started[name].image.split(/[/:]/)[1]).toBe(serviceOf(name));
    }
  });

  test.each(processNames)('%s starts with it, and knows every key', (name) => {
    const config = configOf(name, started[name]);

    expect(unknownAmong(serviceOf(name), started[name].environment)).toEqual([]);
    expect(config.advertiseAddress).toBe(name);
    // Of what a key says by default, nothing may lead to this container itself.
    expect(config.consulHttpAddr).toBe('consul:8500');
    expect(config.managementPort).toBe(8081);
  });

  test('a value that is none, a key that nobody knows and one that is missing are named', () => {
    const { environment } = started['order-service'];
    const told = (changes) => configOf('order-service', { environment: { ...environment, ...changes } });

    expect(() => told({ LOG_LEVEL: 'loud' })).toThrow(/LOG_LEVEL: /);
    expect(() => told({ MYSQL_URL: '' })).toThrow(/MYSQL_URL: /);
    expect(unknownAmong('order-service', { ...environment, LOGLEVEL: 'info' })).toEqual(['LOGLEVEL']);
  });

  test('migrations have the account of their service', () => {
    for (const service of services.filter((one) => one !== 'gateway')) {
      const { environment } = started[service.replace('-service', '-migration')];

      expect(environment.MYSQL_URL).toBe(started[service].environment.MYSQL_URL);
    }
  });

  test('a secret that is missing stops the start, with its name and who makes it', () => {
    for (const name of Object.keys(secrets).filter((one) => text.includes(`\${${one}`)))
      expect(() => filled(compose, { ...values, [name]: '' })).toThrow(
        `docker-compose.yml: ${name} is missing in deploy/.env: node deploy/compose/secrets.js makes it`,
      );
  });
});

describe('.env', () => {
  const example = inDeploy('.env.example');
  const namesIn = (content) => [...content.matchAll(/^(\w+)=/gm)].map(([, name]) => name).sort();

  test('the example and secrets.js name what is asked for, and nothing else', () => {
    const asked = [...variablesOf(text), 'COMPOSE_PROFILES'].sort();

    expect(namesIn(example)).toEqual(asked);
    expect(namesIn(envFile(values))).toEqual(asked);
  });

  test('no secret stands in the example', () => {
    for (const [, name, value] of example.matchAll(/^(\w+)=(.*)$/gm))
      expect([name, value]).toEqual([name, name in secrets ? '' : settings[name]]);
  });

  test('git takes no notice of the real one', () => {
    expect(fs.readFileSync(path.join(root, '.gitignore'), 'utf8').split('\n')).toContain('deploy/.env');
  });
});

test('the topics are those of the events', () => {
  const events = Object.values(proto).filter((one) => one?.schema && typeof one.type === 'string');
  const [, topics] = /for topic in ([\s\S]*?); do/.exec(inDeploy('compose', 'topics.sh'));

  expect(topics.split(/[\s\\]+/).sort()).toEqual(events.map(({ type }) => type).sort());
});

test('Prometheus asks every process by its name, and finds the rules and Alertmanager', () => {
  const prometheus = read(inDeploy('compose', 'prometheus.yaml'));
  const [{ static_configs: targets }] = prometheus.scrape_configs;

  const byProcess = targets.map(({ targets: [target], labels }) => [target, labels]);

  expect(Object.fromEntries(byProcess)).toEqual(
    Object.fromEntries(processNames.map((name) => [`${name}:8081`, { process: name }])),
  );
  expect(prometheus.alerting.alertmanagers[0].static_configs[0].targets).toEqual(['alertmanager:9093']);
});
