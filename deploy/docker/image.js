'use strict';
const { spawnSync } = require('node:child_process');
const { UsageError } = require('../../scripts/arguments');
const { services } = require('../local/fleet');
const { root } = require('../local/paths');
const { dockerAnswers } = require('../local/tools/find');
const { run } = require('../local/tools/run');
const { buildWithBuildah } = require('./buildah');

const usage = [
  'npm run image -- <service> [--version=<version>]',
  '  <service>  one of ' + services.join(', '),
  '  <version>  what the image and the service call themselves; dev unless said',
].join('\n');

/** `npm run image`: builds, and says how large the image is. */
async function image(progress, args) {
  if (args.includes('--help') || args.includes('-h')) return console.log(usage);
  const { size, baseSize, name } = await buildImage(progress, imageArguments(args));
  console.log(`${name}: ${size}${baseSize ? `, ${baseSize} of it the base with Node` : ''}`);
}

/** Throws UsageError for what it does not know. */
function imageArguments(args) {
  const [service, ...options] = args;
  if (!services.includes(service)) throw new UsageError(`unknown service "${service ?? ''}"\n\n${usage}`);
  const known = options.map((option) => /^--version=([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$/.exec(option));
  if (known.length > 1 || known.includes(null))
    throw new UsageError(`unknown argument "${options[known.indexOf(null)] ?? options[1]}"\n\n${usage}`);
  return { service, version: known[0]?.[1] ?? 'dev' };
}

/** By an engine where one answers, else without. The same sources make the same image: its times are those of the commit. */
async function buildImage(progress, { service, version }) {
  const name = `onrush/${service}:${version}`;
  const [revision = 'unknown', timestamp = '0'] = git('log', '-1', '--format=%H %ct').split(' ');
  const buildArguments = [`SERVICE=${service}`, `VERSION=${version}`, `REVISION=${revision}`];
  const build = dockerAnswers() ? buildWithDocker : buildWithBuildah;
  return { name, ...(await build(progress, { name, buildArguments, timestamp })) };
}

async function buildWithDocker(progress, { name, buildArguments, timestamp }) {
  const args = [
    'build',
    '--tag',
    name,
    ...buildArguments.flatMap((argument) => ['--build-arg', argument]),
    root,
  ];
  const env = { SOURCE_DATE_EPOCH: timestamp };
  await progress.step(`building ${name}`, () => run('docker', args, { name: 'docker-build', env }));
  const { stdout } = spawnSync('docker', ['image', 'inspect', '--format', '{{.Size}}', name], {
    encoding: 'utf8',
  });
  return { size: `${Math.round(Number(stdout) / 1e6)} MB` };
}

/** Nothing where this is no checkout. */
const git = (...args) =>
  (spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout ?? '').trim() || 'unknown 0';

module.exports = { buildImage, image, imageArguments };
