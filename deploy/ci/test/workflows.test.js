'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parse } = require('yaml');
const { projects: jestProjects } = require('../../../jest.config.cjs');
const { services } = require('../../local/fleet');
const { root } = require('../../local/paths');

const { scripts, version } = require('../../../package.json');
const folder = path.join(root, '.github', 'workflows');
const texts = Object.fromEntries(
  fs.readdirSync(folder).map((name) => [name, fs.readFileSync(path.join(folder, name), 'utf8')]),
);
const pinned = /^ *(?:- )?uses: [\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/;
const ownWorkflow = /^ *uses: \.\/\.github\/workflows\/[\w-]+\.yml$/;
/** What a job may be given beyond reading the sources, and by whom it is needed. */
const mayWrite = { 'release.yml publish': { contents: 'read', packages: 'write' } };

/** What is wrong with a workflow: the file, the key, and what was expected. */
function problemsOf(file, text) {
  const problems = [];
  const expect = (holds, key, expected) => !holds && problems.push(`${file}: ${key}: expected ${expected}`);
  text.split('\n').forEach((line, index) => {
    if (/^\s*(- )?uses:/.test(line))
      expect(
        pinned.test(line) || ownWorkflow.test(line),
        `line ${index + 1}: uses`,
        'a hash of 40 digits and its version',
      );
  });
  const { permissions, concurrency, jobs } = parse(text);
  expect(
    JSON.stringify(permissions) === '{"contents":"read"}',
    'permissions',
    'contents: read and nothing else',
  );
  expect(concurrency?.['cancel-in-progress'] === true, 'concurrency.cancel-in-progress', 'true');
  expect(concurrency?.group?.includes('github.ref'), 'concurrency.group', 'one for each github.ref');
  for (const [name, job] of Object.entries(jobs)) {
    const allowed = mayWrite[`${file} ${name}`];
    expect(
      JSON.stringify(job.permissions) === JSON.stringify(allowed),
      `jobs.${name}.permissions`,
      JSON.stringify(allowed),
    );
    expect(job.uses || job['timeout-minutes'] > 0, `jobs.${name}.timeout-minutes`, 'a number');
    for (const [index, step] of (job.steps ?? []).entries())
      problemsOfStep({ name, job, index, step }, expect);
  }
  return problems;
}

function problemsOfStep({ name, job, index, step }, expect) {
  const key = `jobs.${name}.steps.${index}`;
  if (step.uses?.startsWith('actions/checkout'))
    expect(step.with?.['persist-credentials'] === false, `${key}.with.persist-credentials`, 'false');
  if (step.uses?.startsWith('actions/setup-node'))
    expect(step.with?.cache === 'npm', `${key}.with.cache`, 'npm');
  if (step.run === undefined || step.run === 'npm ci') return;
  for (const command of commandsOf(step.run, job.strategy?.matrix)) {
    const script = /^npm run ([\w:-]+)( -- [^;&|]*)?$/.exec(command)?.[1];
    expect(
      command === '.ci/run' || script in scripts,
      `${key}.run`,
      `a script of package.json, found "${command}"`,
    );
  }
}

/** A command for each value of the one matrix key that it names. */
function commandsOf(run, matrix = {}) {
  const key = /\$\{\{ matrix\.(\w+) \}\}/.exec(run)?.[1];
  return key ? (matrix[key] ?? []).map((value) => run.replace(`\${{ matrix.${key} }}`, value)) : [run];
}

test.each(Object.keys(texts))(
  '%s: actions pinned, least permissions, what is overtaken is cancelled, all steps are scripts of ours',
  (file) => {
    expect(problemsOf(file, texts[file])).toEqual([]);
  },
);

test.each([
  ['@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2', '@v4', 'uses: expected a hash'],
  [' # v4.2.2', '', 'uses: expected a hash'],
  ['contents: read', 'contents: write', 'permissions: expected contents: read'],
  ['cancel-in-progress: true', 'cancel-in-progress: false', 'concurrency.cancel-in-progress: expected true'],
  ['persist-credentials: false', 'persist-credentials: true', 'with.persist-credentials: expected false'],
  ['cache: npm', 'cache: ""', 'with.cache: expected npm'],
  ['npm run build', 'npm run biuld', 'found "npm run biuld"'],
  ['npm run build', 'npm run build && curl example.com', 'found "npm run build && curl example.com"'],
  [', lint,', ', lnit,', 'found "npm run lnit"'],
  ['    timeout-minutes: 15\n', '', 'jobs.checks.timeout-minutes: expected a number'],
  [
    '    timeout-minutes: 15\n',
    '    timeout-minutes: 15\n    permissions: write-all\n',
    'jobs.checks.permissions: expected',
  ],
])('"%s" as "%s" is refused', (from, to, problem) => {
  expect(texts['ci.yml']).toContain(from);

  const problems = problemsOf('ci.yml', texts['ci.yml'].replace(from, to));

  expect(problems.join('\n')).toContain(problem);
  expect(problems.every((one) => one.startsWith('ci.yml: '))).toBe(true);
});

test('what npm test checks, the workflow checks, too: each project once, and format, lint and types', () => {
  const { checks, tests } = parse(texts['ci.yml']).jobs;
  const projects = tests.strategy.matrix.tests.flatMap((script) =>
    scripts[script].split('--selectProjects ')[1].split(' '),
  );

  expect(projects.sort()).toEqual(jestProjects.map(({ displayName }) => displayName).sort());
  expect(checks.strategy.matrix.check).toEqual(expect.arrayContaining(['typecheck', 'lint', 'format:check']));
  expect(fs.readFileSync(path.join(root, '.ci', 'run'), 'utf8')).toMatch(/^exec npm test --silent$/m);
});

test('an image is built, looked through and published of every service', () => {
  const { images } = parse(texts['ci.yml']).jobs;
  const { publish } = parse(texts['release.yml']).jobs;

  expect(images.strategy.matrix.service.toSorted()).toEqual(services.toSorted());
  expect(images.steps.some(({ uses }) => uses?.startsWith('aquasecurity/trivy-action@'))).toBe(true);
  expect(publish.strategy.matrix.service.toSorted()).toEqual(services.toSorted());
  expect(publish.needs).toContain('ci');
});

test('a tag releases the version of package.json, and no other', () => {
  const release = (tag) =>
    spawnSync(process.execPath, [path.join(root, 'scripts', 'release-version.js')], {
      encoding: 'utf8',
      env: { GITHUB_REF_NAME: tag },
    });

  expect(release(`v${version}`)).toMatchObject({ status: 0, stdout: `${version}\n` });
  expect(release('v9.9.9')).toMatchObject({
    status: 2,
    stderr: `package.json: version: expected "9.9.9", as the tag "v9.9.9" says, found "${version}"\n`,
  });
});
