'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { parse } = require('yaml');
const { processNames, services } = require('../../local/fleet');
const { root } = require('../../local/paths');
const { build, objectsOf, overlays } = require('../build');
const {
  configOf,
  containerOf,
  deploymentOf,
  environmentOf,
  labelOf,
  named,
  of,
  serviceOf,
  unknownNames,
} = require('./told');
const { installLimitMs, toolsAtHand } = require('./tools-at-hand');

const built = {};
beforeAll(async () => {
  const tools = await toolsAtHand();
  for (const overlay of overlays) built[overlay] = objectsOf(build(overlay, tools));
}, installLimitMs);

describe.each(overlays)('in %s', (overlay) => {
  test('there is a Deployment of every process, and of no other', () => {
    const stable = of(built[overlay], 'Deployment').filter(
      ({ metadata }) => metadata.labels['onrush/track'] === 'stable',
    );

    for (const { metadata } of of(built[overlay], 'Deployment'))
      expect(metadata.labels['app.kubernetes.io/component']).toBe('process');
    expect(stable.map(({ metadata }) => metadata.name).sort()).toEqual([...processNames].sort());
  });

  test('every process starts with what it is told, and knows every key of it', () => {
    for (const deployment of of(built[overlay], 'Deployment')) {
      expect(() => configOf(built[overlay], deployment)).not.toThrow();
      expect([deployment.metadata.name, ...unknownNames(built[overlay], deployment)]).toEqual([
        deployment.metadata.name,
      ]);
    }
  });

  test('every migration is told what it needs, with the account of its service', () => {
    for (const job of of(built[overlay], 'Job')) {
      const { env, args } = job.spec.template.spec.containers[0];

      expect(args).toEqual(['service/dist/migrate.js']);
      expect(env.map(({ name }) => name).sort()).toEqual(['MYSQL_TYPE', 'MYSQL_URL']);
      expect(env.find(({ name }) => name === 'MYSQL_URL').valueFrom.secretKeyRef.name).toBe(
        labelOf(job, 'name'),
      );
    }
  });

  test('every service with migrations has a Job for them', () => {
    const migrating = services.filter((service) =>
      fs.existsSync(path.join(root, service, 'src', 'migrate.ts')),
    );
    const jobs = of(built[overlay], 'Job').filter(
      ({ metadata }) => metadata.labels['onrush/track'] === 'stable',
    );

    expect(jobs.map((job) => labelOf(job, 'name')).sort()).toEqual(migrating.sort());
  });

  test('ports are where the configuration has them, and where others look', () => {
    for (const deployment of of(built[overlay], 'Deployment')) {
      const config = configOf(built[overlay], deployment);
      const { ports, readinessProbe } = containerOf(deployment);
      const wanted = { http: config.httpPort, grpc: config.grpcPort, management: config.managementPort };

      for (const { name, containerPort } of ports)
        expect([name, containerPort]).toEqual([name, wanted[name]]);
      expect(ports.map(({ name }) => name)).toContain(readinessProbe.httpGet.port);
      expect(deployment.spec.template.metadata.annotations['prometheus.io/port']).toBe(
        String(config.managementPort),
      );
      expect([config.dnsHttpPort, config.dnsGrpcPort]).toEqual([config.httpPort, config.grpcPort]);
    }
  });

  test('a Service serves the ports that its pods have', () => {
    for (const { metadata, spec } of of(built[overlay], 'Service').filter((one) =>
      deploymentOf(built[overlay], one.metadata.name),
    )) {
      const served = new Map(
        containerOf(deploymentOf(built[overlay], metadata.name)).ports.map(({ name, containerPort }) => [
          name,
          containerPort,
        ]),
      );

      for (const { port, targetPort } of spec.ports) {
        expect([metadata.name, served.has(targetPort)]).toEqual([metadata.name, true]);
        // Without an address of its own, a Service does not translate ports.
        if (spec.clusterIP === 'None') expect(port).toBe(served.get(targetPort));
      }
    }
  });

  test('every service is found by its name: its pods’ addresses, in this namespace', () => {
    const { DISCOVERY, DNS_SUFFIX } = environmentOf(
      built[overlay],
      containerOf(deploymentOf(built[overlay], 'gateway')),
    );
    const [{ metadata }] = of(built[overlay], 'Namespace');

    if (DISCOVERY === 'dns') expect(DNS_SUFFIX).toBe(`.${metadata.name}.svc.cluster.local`);
    for (const service of services.filter((name) => name !== 'gateway'))
      expect(named(built[overlay], 'Service', service).spec.clusterIP).toBe('None');
  });

  test('the keys of the fleet lie where it is told, each process’s own from the Secret of its service', () => {
    for (const deployment of of(built[overlay], 'Deployment')) {
      const config = configOf(built[overlay], deployment);
      const { volumes } = deployment.spec.template.spec;
      const files = containerOf(deployment).volumeMounts.map(({ name, mountPath }) => [
        mountPath,
        volumes.find((volume) => volume.name === name),
      ]);
      const [, fleet] = files.find(([folder]) => folder === path.dirname(config.internalJwks));
      const [, own] = files.find(([folder]) => folder === path.dirname(config.internalPrivateKey));

      expect(fleet.configMap.name).toBe('internal-keys');
      expect(own.secret.secretName).toBe(serviceOf(deployment));
      expect(own.secret.items.map((item) => item.path)).toEqual([path.basename(config.internalPrivateKey)]);
    }
  });

  test('no process refers to the Secret of another service', () => {
    for (const deployment of of(built[overlay], 'Deployment')) {
      const names = (containerOf(deployment).env ?? []).flatMap(
        ({ valueFrom }) => valueFrom?.secretKeyRef?.name ?? [],
      );

      expect(new Set(names)).toEqual(new Set([serviceOf(deployment)]));
    }
  });

  test('the host of the Ingress is where buyers are sent, and is served', () => {
    const [{ host }] = named(built[overlay], 'Ingress', 'gateway').spec.rules;
    const { publicUrl } = configOf(built[overlay], deploymentOf(built[overlay], 'payment-service'));
    const { allowedHosts } = configOf(built[overlay], deploymentOf(built[overlay], 'gateway'));

    expect(new URL(publicUrl).hostname).toBe(host);
    expect(allowedHosts.length === 0 || allowedHosts.includes(host)).toBe(true);
  });

  test('whoever calls a service by gRPC is let in, and nobody else is', () => {
    for (const [callee, callers] of Object.entries(callersInCode())) {
      const policy = named(built[overlay], 'NetworkPolicy', `callers-of-${callee}`);
      const [{ from }] = policy.spec.ingress;

      expect(policy.spec.podSelector.matchLabels).toEqual({ 'app.kubernetes.io/name': callee });
      expect([...from[0].podSelector.matchExpressions[0].values].sort()).toEqual(callers);
    }
    expect(
      of(built[overlay], 'NetworkPolicy').filter(({ metadata }) => metadata.name.startsWith('callers-of-')),
    ).toHaveLength(Object.keys(callersInCode()).length);
  });
});

/** By callee, as the sources say; seckill-service’s halves both call what either does. */
function callersInCode() {
  const callers = {};
  for (const file of fs.globSync('{gateway,*-service}/src/**/*.ts', { cwd: root })) {
    const [service] = file.split(path.sep);
    const source = fs.readFileSync(path.join(root, file), 'utf8');
    for (const [, callee] of source.matchAll(
      /(?:clientOf\(|createGrpcClient\(\{[^}]*?service: )'([a-z-]+)'/g,
    )) {
      const processes = service === 'seckill-service' ? ['seckill-service', 'seckill-worker'] : [service];
      callers[callee] = [...new Set([...(callers[callee] ?? []), ...processes])].sort();
    }
  }
  return callers;
}

test('a canary is found where the gateway looks for it, and nowhere else, and there is a rule for it', () => {
  const objects = built.canary;
  const canaries = of(objects, 'Deployment').filter(
    ({ metadata }) => metadata.labels['onrush/track'] === 'canary',
  );
  const { canaries: rules } = configOf(objects, deploymentOf(objects, 'gateway'));
  const { dnsSuffix, discovery } = configOf(objects, deploymentOf(objects, 'gateway'));

  expect([discovery, dnsSuffix]).toEqual(['dns', '.onrush.svc.cluster.local']);
  expect(canaries.map(serviceOf)).toEqual(Object.keys(rules));
  for (const canary of canaries) {
    const name = `${serviceOf(canary)}-canary`;
    expect([canary.metadata.name, configOf(objects, canary).canary]).toEqual([name, true]);
    expect(named(objects, 'Service', name).spec.selector['onrush/track']).toBe('canary');
    expect(named(objects, 'Service', serviceOf(canary)).spec.selector['onrush/track']).toBe('stable');
  }
});

test('what is scaled by is what the processes tell, and the adapter’s rules name it', () => {
  const { rules } = parse(fs.readFileSync(path.join(__dirname, '..', 'custom-metrics.yaml'), 'utf8'));
  const own = fs
    .globSync('{gateway,seckill-service}/src/**/*.ts', { cwd: root })
    .map((file) => fs.readFileSync(path.join(root, file), 'utf8'))
    .join('\n');
  const asked = of(built.prod, 'HorizontalPodAutoscaler')
    .flatMap(({ spec }) => spec.metrics)
    .flatMap(({ pods, external }) => (pods ?? external)?.metric.name ?? []);
  const offered = [...rules.custom, ...rules.external];

  expect(new Set(asked)).toEqual(new Set(offered.map(({ name }) => name.as)));
  for (const { metricsQuery } of offered)
    for (const [, series] of metricsQuery.matchAll(/(\w+)\{/g)) expect(own).toContain(`'${series}'`);
});

describe('a manifest that drifts from the code is refused', () => {
  const copy = () => structuredClone(built.prod);
  const orders = (objects) => deploymentOf(objects, 'order-service');

  test('a value that is none: the key, and what was expected', () => {
    const objects = copy();
    containerOf(orders(objects)).env.push({ name: 'SAGA_STALE_SECONDS', value: 'soon' });

    expect(() => configOf(objects, orders(objects))).toThrow(/SAGA_STALE_SECONDS: .*expected number/);
  });

  test('a key that is missing', () => {
    const objects = copy();
    const container = containerOf(orders(objects));
    container.env = container.env.filter(({ name }) => name !== 'MYSQL_URL');

    expect(() => configOf(objects, orders(objects))).toThrow(/MYSQL_URL/);
  });

  test('a key that nobody knows', () => {
    const objects = copy();
    containerOf(orders(objects)).env.push({ name: 'SAGA_STALE_SECONDZ', value: '5' });

    expect(unknownNames(objects, orders(objects))).toEqual(['SAGA_STALE_SECONDZ']);
  });

  test('a key of the gateway’s file that nobody knows, with the file', () => {
    const objects = copy();
    const { volumes } = deploymentOf(objects, 'gateway').spec.template.spec;
    const map = named(objects, 'ConfigMap', volumes.find(({ name }) => name === 'config').configMap.name);
    map.data['gateway.yaml'] += 'trusted_hop: 1\n';

    expect(() => configOf(objects, deploymentOf(objects, 'gateway'))).toThrow(
      /gateway\.yaml: unknown key "trusted_hop"/,
    );
  });
});
