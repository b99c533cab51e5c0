'use strict';
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { parseAllDocuments } = require('yaml');
const { kubernetesVersions, schemasOf } = require('./tools/tools');

const overlays = ['dev', 'prod', 'canary'];

/** The text that `kubectl apply` would be given. Throws what kustomize says, which names the file. */
function build(overlay, { kustomize }) {
  const folder = path.resolve(__dirname, 'overlays', overlay);
  const { status, stdout, stderr } = spawnSync(kustomize, ['build', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${folder} cannot be built:\n${stderr}`);
  return stdout;
}

const objectsOf = (text) => parseAllDocuments(text).map((document) => document.toJS());

/** What Kubernetes would not take: unknown keys, wrong types, missing ones; each with its object and its path. */
function refusedByKubernetes(text, { kubeconform, schemas }, versions = kubernetesVersions) {
  return versions.flatMap((version) => {
    const { stdout, stderr } = spawnSync(
      kubeconform,
      [
        '-strict',
        '-output',
        'json',
        '-kubernetes-version',
        version,
        '-schema-location',
        schemasOf(schemas, version),
      ],
      { encoding: 'utf8', input: text, maxBuffer: 64e6 },
    );
    if (!stdout) throw new Error(`kubeconform says nothing:\n${stderr}`);
    return (JSON.parse(stdout).resources ?? []).map(
      ({ kind, name, msg }) => `Kubernetes ${version}: ${kind} ${name}: ${msg}`,
    );
  });
}

module.exports = { build, objectsOf, overlays, refusedByKubernetes };
