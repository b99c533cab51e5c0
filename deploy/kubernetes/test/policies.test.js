'use strict';
const { build, objectsOf, overlays, refusedByKubernetes } = require('../build');
const { policies, productionPolicies } = require('../policies');
const { installLimitMs, toolsAtHand } = require('./tools-at-hand');

let tools;
const texts = {};
beforeAll(async () => {
  tools = await toolsAtHand();
  for (const overlay of overlays) texts[overlay] = build(overlay, tools);
}, installLimitMs);

const find = (objects, kind, name) =>
  objects.find((object) => object.kind === kind && object.metadata.name === name);
const podOf = (objects, name = 'order-service') => find(objects, 'Deployment', name).spec.template.spec;
const processOf = (objects, name) => podOf(objects, name).containers[0];
const without = (objects, kind) =>
  objects.splice(0, objects.length, ...objects.filter((one) => one.kind !== kind));

test('all overlays are what Kubernetes takes, in its oldest and its newest version', () => {
  expect(refusedByKubernetes(Object.values(texts).join('\n---\n'), tools)).toEqual([]);
});

describe.each(overlays)('the overlay %s', (overlay) => {
  test.each(Object.keys(policies))('%s', (policy) => {
    expect(policies[policy](objectsOf(texts[overlay]))).toEqual([]);
  });
});

test.each(
  ['prod', 'canary'].flatMap((overlay) => Object.keys(productionPolicies).map((policy) => [overlay, policy])),
)('in %s, %s', (overlay, policy) => {
  expect(productionPolicies[policy](objectsOf(texts[overlay]))).toEqual([]);
});

test('a key that Kubernetes does not know is refused, with its place', () => {
  const [problem] = refusedByKubernetes(texts.prod.replace('preStop:', 'preStopp:'), tools, ['1.30.0']);

  expect(problem).toMatch(/Deployment .*preStopp/s);
});

/** One manifest that breaks each policy: changes a built `prod` in memory. */
const broken = {
  'a process is probed on /livez and /readyz': (objects) => delete processOf(objects).readinessProbe,
  'a server is probed': (objects) =>
    objects.push({
      kind: 'StatefulSet',
      metadata: { name: 'mysql' },
      spec: { template: { spec: { containers: [{ name: 'server', readinessProbe: {} }] } } },
    }),
  'a container requests processor and memory, and has limits of both': (objects) =>
    delete processOf(objects).resources.limits.memory,
  'nothing runs as root': (objects) => (podOf(objects).securityContext.runAsUser = 0),
  'no container overrides who it runs as': (objects) => (processOf(objects).securityContext.runAsUser = 0),
  'the root file system is read-only': (objects) =>
    delete processOf(objects).securityContext.readOnlyRootFilesystem,
  'nobody gains a privilege': (objects) =>
    (processOf(objects).securityContext.capabilities.drop = ['NET_RAW']),
  'system calls are filtered': (objects) => delete podOf(objects).securityContext.seccompProfile,
  'nothing of the host is shared': (objects) =>
    podOf(objects).volumes.push({ name: 'host', hostPath: { path: '/' } }),
  'nobody gets a token of the cluster': (objects) => delete podOf(objects).automountServiceAccountToken,
  'a process has an account of its own': (objects) => (podOf(objects).serviceAccountName = 'user-service'),
  'an account that is named is there': (objects) => without(objects, 'ServiceAccount'),
  'a Deployment has a budget for disruptions': (objects) =>
    (find(objects, 'PodDisruptionBudget', 'order-service').spec.maxUnavailable = 0),
  'a budget, a Service and a Deployment select the pods of one Deployment': (objects) =>
    delete find(objects, 'Service', 'order-service').spec.selector['app.kubernetes.io/component'],
  'what scales is there': (objects) => without(objects, 'Deployment'),
  'who scales by itself has no number of replicas': (objects) =>
    (find(objects, 'Deployment', 'order-service').spec.replicas = 2),
  'there is time to drain': (objects) => (podOf(objects).terminationGracePeriodSeconds = 29),
  'the pods of a Deployment are spread over nodes and zones': (objects) =>
    podOf(objects).topologySpreadConstraints.pop(),
  'images are pinned': (objects) => (processOf(objects).image = 'onrush/order-service:latest'),
  'secrets are only referred to': (objects) =>
    processOf(objects).env.push({ name: 'OTHER', value: 'mysql://me:secret@mysql/onrush' }),
  'what is not allowed is denied': (objects) =>
    (find(objects, 'NetworkPolicy', 'default-deny').spec.egress = [{}]),
  'nothing is open to everybody': (objects) =>
    delete find(objects, 'NetworkPolicy', 'to-mysql').spec.egress[0].to,
  'the namespace enforces the restricted standard': (objects) =>
    delete find(objects, 'Namespace', 'onrush').metadata.labels,
  'the Ingress has TLS for every host': (objects) =>
    (find(objects, 'Ingress', 'gateway').spec.rules[0].host = 'other.example.com'),
  'a released version runs': (objects) => (processOf(objects).image = 'onrush/order-service:dev'),
  'there are two of each, but for a canary': (objects) =>
    (find(objects, 'HorizontalPodAutoscaler', 'order-service').spec.minReplicas = 1),
};

const every = { ...policies, ...productionPolicies };

test.each(Object.keys(every))('a manifest that breaks it is refused: %s', (policy) => {
  const objects = objectsOf(texts.prod);

  broken[policy](objects);

  expect(every[policy](objects)).not.toEqual([]);
});

test('a Secret in a manifest is refused, and a password in a ConfigMap', () => {
  const policy = policies['secrets are only referred to'];

  expect(policy([{ kind: 'Secret', metadata: { name: 'a' } }])).toEqual(['Secret a']);
  expect(policy([{ kind: 'ConfigMap', metadata: { name: 'b' }, data: { REDIS_URL: 'redis://r' } }])).toEqual([
    'ConfigMap b',
  ]);
});
