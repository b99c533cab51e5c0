'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { parse } = require('yaml');

const folder = path.join(__dirname, '..');
const file = 'deploy/docker-compose.yml';
const read = (text = fs.readFileSync(path.join(folder, 'docker-compose.yml'), 'utf8')) =>
  parse(text, { merge: true });

const serviceKeys = new Set(
  `image build command entrypoint environment depends_on healthcheck profiles ports volumes secrets configs networks restart logging init cap_drop
   security_opt stop_grace_period`.split(/\s+/),
);
const topKeys = new Set(['name', 'services', 'networks', 'volumes', 'configs', 'secrets']);
/** Its image has no program that could ask it. Nobody may wait for it to be healthy. */
const cannotBeAsked = new Set(['otel-collector']);
const profileOf = {
  ...Object.fromEntries(
    ['jaeger', 'otel-collector', 'alertmanager', 'prometheus', 'grafana'].map((name) => [name, 'observe']),
  ),
  ...Object.fromEntries(
    ['elasticsearch', 'log-setup', 'fluent-bit', 'kibana', 'kibana-setup'].map((name) => [name, 'logs']),
  ),
};

const isOnce = ({ restart }) => restart === 'on-failure:5';
const hasHealth = ({ healthcheck }) => Boolean(healthcheck?.test) && healthcheck.disable !== true;
const isSecretName = (name) => /(PASSWORD|SECRET|TOKEN)$/.test(name);

/** For each service, what is wrong with it: `services.<name><.key>: expected …`. */
const each = (problems) => (compose) =>
  Object.entries(compose.services).flatMap(([name, service]) =>
    problems(service, compose, name).map((problem) => `${file}: services.${name}${problem}`),
  );
const unless = (isGood, problem) => (isGood ? [] : [problem]);

const policies = {
  'every key is one that is known here': (compose) => [
    ...Object.keys(compose)
      .filter((key) => !topKeys.has(key) && !key.startsWith('x-'))
      .map((key) => `${file}: ${key}: expected one of ${[...topKeys].join(', ')}`),
    ...each((service) =>
      Object.keys(service)
        .filter((key) => !serviceKeys.has(key))
        .map((key) => `.${key}: expected one of ${[...serviceKeys].join(', ')}`),
    )(compose),
  ],
  'what has to be up says when it is': each((service, _compose, name) =>
    unless(
      isOnce(service) || hasHealth(service) || cannotBeAsked.has(name),
      '.healthcheck: expected a test, or an init step',
    ),
  ),
  'whoever is waited for can be waited for in that way': each(({ depends_on: needs = {} }, { services }) =>
    Object.entries(needs).flatMap(([other, { condition } = {}]) => {
      const expected =
        services[other] && (isOnce(services[other]) ? 'service_completed_successfully' : 'service_healthy');
      const isGood =
        expected && condition === expected && (isOnce(services[other]) || hasHealth(services[other]));
      return unless(isGood, `.depends_on.${other}: expected ${expected ?? 'a service of this file'}`);
    }),
  ),
  'nobody waits for what another profile has': each(
    ({ depends_on: needs = {}, profiles = [] }, { services }) =>
      Object.keys(needs).flatMap((other) =>
        unless(
          (services[other]?.profiles ?? []).every((profile) => profiles.includes(profile)),
          `.depends_on.${other}: expected a service of the same profile`,
        ),
      ),
  ),
  'profiles are as they are named': each(({ profiles = [] }, _compose, name) =>
    unless(String(profiles) === (profileOf[name] ?? ''), `.profiles: expected [${profileOf[name] ?? ''}]`),
  ),
  'what stops is started again': each(({ restart }) =>
    unless(
      ['unless-stopped', 'on-failure:5'].includes(restart),
      '.restart: expected unless-stopped, of an init step on-failure:5',
    ),
  ),
  'images are pinned': each(({ image = '' }) =>
    unless(/^[a-z0-9./-]+:v?\d+\.\d+\.\d+[a-z0-9.-]*$/.test(image), '.image: expected name:x.y.z'),
  ),
  'the gateway alone is reached from outside': each(({ ports = [] }, _compose, name) =>
    ports.flatMap((port) =>
      unless(
        name === 'gateway' || /^127\.0\.0\.1:\d+:\d+$/.test(port),
        `.ports: expected 127.0.0.1:port:port, not ${port}`,
      ),
    ),
  ),
  'everybody is in the network of the fleet': each(({ networks }) =>
    unless(String(networks) === 'fleet', '.networks: expected [fleet]'),
  ),
  'logs are collected, and do not fill a disk': each(({ logging }) =>
    unless(
      logging?.driver === 'json-file' && logging.options?.tag === 'onrush' && logging.options['max-size'],
      '.logging: expected json-file with the tag onrush and max-size',
    ),
  ),
  'nobody is privileged': each(({ build, command, cap_drop: dropped, security_opt: options }) =>
    unless(
      !build ||
        isMigration(command) ||
        (dropped?.includes('ALL') && options?.includes('no-new-privileges:true')),
      '.cap_drop, .security_opt: expected [ALL], [no-new-privileges:true]',
    ),
  ),
  'what is mounted is there': each(({ volumes = [] }, compose) =>
    volumes.flatMap((volume) => {
      const [from] = volume.split(':');
      if (from.startsWith('/var/lib/docker/')) return [];
      const isThere = from.startsWith('.')
        ? fs.existsSync(path.join(folder, from)) && volume.endsWith(':ro')
        : from in compose.volumes;
      return unless(
        isThere,
        `.volumes: expected a file that is there, read-only, or a volume of this file, not ${volume}`,
      );
    }),
  ),
  'secrets and configs that are named are there': each(({ secrets = [], configs = [] }, compose) => [
    ...secrets
      .filter(({ source }) => !compose.secrets[source]?.environment)
      .map(({ source }) => `.secrets: expected ${source} among secrets, from a variable of .env`),
    ...configs
      .filter(({ source }) => !/^\$\{\w+:\?[^}]+\}$/.test(compose.configs[source]?.content))
      .map(({ source }) => `.configs: expected ${source} among configs, from \${NAME:?message}`),
  ]),
  'secrets come from .env, and are missed': each(({ environment = {} }) =>
    Object.entries(environment).flatMap(([name, value]) => {
      const isSecret = isSecretName(name) || /:\/\/.*@/.test(value);
      return unless(
        !isSecret || /^(mysql:\/\/\w+:)?\$\{\w+:\?[^}]+\}(@mysql:3306\/\w+)?$/.test(value),
        `.environment.${name}: expected \${NAME:?message}`,
      );
    }),
  ),
};

const isMigration = (command) => String(command) === 'service/dist/migrate.js';

/** Names of variables that Compose looks up: in `${NAME…}`, and of secrets. */
function variablesOf(text) {
  const asked = [...text.replaceAll('$$', '').matchAll(/\$\{(\w+)/g)].map(([, name]) => name);
  return new Set([...asked, ...Object.values(read(text).secrets).map(({ environment }) => environment)]);
}

/** As Compose does it. Throws with the message of what is missing. */
const interpolate = (text, values) =>
  text.replace(/\$\{(\w+)(?::([?-])([^}]*))?\}/g, (_all, name, kind, rest) => {
    if (values[name]) return values[name];
    if (kind === '-') return rest;
    throw new Error(`${file}: ${rest || name}`);
  });

module.exports = { interpolate, isOnce, policies, read, variablesOf };
