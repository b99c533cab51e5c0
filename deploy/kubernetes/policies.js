'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../local/paths');

const of = (kind) => (objects) => objects.filter((object) => object.kind === kind);
const deployments = of('Deployment');
const withPods = (objects) => objects.filter(({ spec }) => spec?.template?.spec?.containers);
const podOf = (workload) => workload.spec.template.spec;
const containersOf = (workload) => [...(podOf(workload).initContainers ?? []), ...podOf(workload).containers];
const labelsOf = (workload) => workload.spec.template.metadata?.labels ?? {};
const selects = (selector, labels) =>
  Object.entries(selector ?? {}).every(([name, value]) => labels[name] === value);

/** What a drain may take at most, as the code says it. */
const drainLimitSeconds = () => {
  const source = fs.readFileSync(path.join(root, 'chassis', 'src', 'lifecycle.ts'), 'utf8');
  const [, ms] = /drainLimitMs = ([\d_]+)/.exec(source) ?? [];
  if (!ms) throw new Error('chassis/src/lifecycle.ts: no default of drainLimitMs');
  return Number(ms.replaceAll('_', '')) / 1_000;
};

/** For each workload, or each container of one, what is wrong with it. */
const each = (select, problem) => (objects) =>
  select(objects).flatMap((object) => (problem(object, objects) ? [titleOf(object)] : []));
const eachContainer = (select, problem) => (objects) =>
  select(objects).flatMap((workload) =>
    containersOf(workload)
      .filter((container) => problem(container, workload))
      .map((container) => `${titleOf(workload)}, container ${container.name}`),
  );
const titleOf = ({ kind, metadata }) => `${kind} ${metadata.name}`;

const probes = (container, { livez, readyz }) =>
  container.startupProbe?.httpGet?.path === livez &&
  container.livenessProbe?.httpGet?.path === livez &&
  container.readinessProbe?.httpGet?.path === readyz;

const isPinned = (image) => /@sha256:[0-9a-f]{64}$/.test(image) || /:(?!latest$)[^/:]+$/.test(image);

/** An address with a password in it, or a key, must not stand in a manifest. */
const isSecretValue = ({ name, value }) =>
  value !== undefined &&
  (/SECRET|PASSWORD|PRIVATE|MYSQL_URL|REDIS_URL/.test(name) || /:\/\/[^/]*:[^/]*@/.test(value));

const hasRoomFor = (amounts = {}) => Boolean(amounts.cpu && amounts.memory);

const policies = {
  'a process is probed on /livez and /readyz': eachContainer(
    deployments,
    (container) => !probes(container, { livez: '/livez', readyz: '/readyz' }),
  ),
  'a server is probed': eachContainer(of('StatefulSet'), (container, workload) => {
    const isServer = podOf(workload).containers.includes(container);
    return isServer && !(container.livenessProbe && container.readinessProbe);
  }),
  'a container requests processor and memory, and has limits of both': eachContainer(
    withPods,
    ({ resources }) => !hasRoomFor(resources?.requests) || !hasRoomFor(resources?.limits),
  ),
  'nothing runs as root': each(withPods, (workload) => {
    const { runAsNonRoot, runAsUser } = podOf(workload).securityContext ?? {};
    return runAsNonRoot !== true || !(runAsUser > 0);
  }),
  'no container overrides who it runs as': eachContainer(
    withPods,
    ({ securityContext = {} }) => 'runAsUser' in securityContext || 'runAsNonRoot' in securityContext,
  ),
  'the root file system is read-only': eachContainer(
    withPods,
    ({ securityContext }) => securityContext?.readOnlyRootFilesystem !== true,
  ),
  'nobody gains a privilege': eachContainer(
    withPods,
    ({ securityContext }) =>
      securityContext?.allowPrivilegeEscalation !== false ||
      securityContext.privileged === true ||
      securityContext.capabilities?.add !== undefined ||
      !securityContext.capabilities?.drop?.includes('ALL'),
  ),
  'system calls are filtered': each(
    withPods,
    (workload) => podOf(workload).securityContext?.seccompProfile?.type !== 'RuntimeDefault',
  ),
  'nothing of the host is shared': each(withPods, (workload) => {
    const { hostNetwork, hostPID, hostIPC, volumes = [] } = podOf(workload);
    return hostNetwork || hostPID || hostIPC || volumes.some(({ hostPath }) => hostPath);
  }),
  'nobody gets a token of the cluster': each(
    withPods,
    (workload) => podOf(workload).automountServiceAccountToken !== false,
  ),
  'a process has an account of its own': each(
    deployments,
    ({ metadata, spec }) => spec.template.spec.serviceAccountName !== metadata.name,
  ),
  'an account that is named is there': each(withPods, (workload, objects) => {
    const { serviceAccountName: account } = podOf(workload);
    return account && !of('ServiceAccount')(objects).some(({ metadata }) => metadata.name === account);
  }),
  'a Deployment has a budget for disruptions': each(deployments, (deployment, objects) => {
    const labels = labelsOf(deployment);
    const own = of('PodDisruptionBudget')(objects).filter(({ spec }) =>
      selects(spec.selector.matchLabels, labels),
    );
    return own.length !== 1 || !(own[0].spec.maxUnavailable >= 1);
  }),
  'a budget, a Service and a Deployment select the pods of one Deployment': (objects) =>
    ['PodDisruptionBudget', 'Service', 'Deployment'].flatMap((kind) =>
      of(kind)(objects).flatMap((object) => {
        const selector = object.spec.selector.matchLabels ?? object.spec.selector;
        const selected = withPods(objects).filter((workload) => selects(selector, labelsOf(workload)));
        return selected.length === 1
          ? []
          : [`${titleOf(object)} selects ${selected.map(titleOf).join(', ') || 'nothing'}`];
      }),
    ),
  'what scales is there': each(
    of('HorizontalPodAutoscaler'),
    ({ spec }, objects) =>
      !deployments(objects).some(({ metadata }) => metadata.name === spec.scaleTargetRef.name),
  ),
  'who scales by itself has no number of replicas': each(deployments, ({ metadata, spec }, objects) => {
    const scales = of('HorizontalPodAutoscaler')(objects).some(
      (one) => one.spec.scaleTargetRef.name === metadata.name,
    );
    return scales === 'replicas' in spec;
  }),
  'there is time to drain': each(deployments, (deployment) => {
    const { terminationGracePeriodSeconds: grace, containers } = podOf(deployment);
    const preStop = containers[0].lifecycle?.preStop?.sleep?.seconds;
    return !(preStop > 0) || !(grace >= preStop + drainLimitSeconds());
  }),
  'the pods of a Deployment are spread over nodes and zones': each(deployments, (deployment) => {
    const spread = podOf(deployment).topologySpreadConstraints ?? [];
    const keys = spread
      .filter(({ labelSelector }) => selects(labelSelector?.matchLabels, labelsOf(deployment)))
      .map(({ topologyKey }) => topologyKey);
    return !['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].every((key) => keys.includes(key));
  }),
  'images are pinned': eachContainer(withPods, ({ image }) => !isPinned(image)),
  'secrets are only referred to': (objects) => [
    ...of('Secret')(objects).map(titleOf),
    ...eachContainer(withPods, ({ env = [] }) => env.some(isSecretValue))(objects),
    ...of('ConfigMap')(objects)
      .filter(({ data = {} }) =>
        Object.entries(data).some(([name, value]) =>
          isSecretValue({ name: withoutPath(name, value), value }),
        ),
      )
      .map(titleOf),
  ],
  'what is not allowed is denied': (objects) => {
    const denies = of('NetworkPolicy')(objects).some(
      ({ spec }) =>
        Object.keys(spec.podSelector).length === 0 &&
        ['Ingress', 'Egress'].every((type) => spec.policyTypes.includes(type)) &&
        !spec.ingress &&
        !spec.egress,
    );
    return denies ? [] : ['no NetworkPolicy denies everything by default'];
  },
  'nothing is open to everybody': each(of('NetworkPolicy'), ({ spec }) =>
    [...(spec.ingress ?? []).map(({ from }) => from), ...(spec.egress ?? []).map(({ to }) => to)].some(
      (peers) => !peers || peers.length === 0 || peers.some((peer) => Object.keys(peer).length === 0),
    ),
  ),
  'the namespace enforces the restricted standard': each(
    of('Namespace'),
    ({ metadata }) => metadata.labels?.['pod-security.kubernetes.io/enforce'] !== 'restricted',
  ),
};

/** INTERNAL_PRIVATE_KEY is the path of a file, which a Secret fills. */
const withoutPath = (name, value) => (value.startsWith('/etc/onrush/') ? '' : name);

/** Of an overlay that the outside reaches. */
const productionPolicies = {
  'the Ingress has TLS for every host': each(of('Ingress'), ({ spec }) => {
    const covered = new Set(
      (spec.tls ?? []).filter(({ secretName }) => secretName).flatMap(({ hosts }) => hosts),
    );
    return !spec.rules.every(({ host }) => host && covered.has(host));
  }),
  'a released version runs': eachContainer(withPods, ({ image }) =>
    /:(dev|main|master|edge|nightly)$/.test(image),
  ),
  'there are two of each, but for a canary': each(
    of('HorizontalPodAutoscaler'),
    ({ metadata, spec }) => metadata.labels['onrush/track'] === 'stable' && !(spec.minReplicas >= 2),
  ),
};

module.exports = { policies, productionPolicies };
