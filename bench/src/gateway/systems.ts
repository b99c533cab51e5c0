import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { localFolder, root } from '../../../deploy/local/paths';
import { freePorts } from '../../../deploy/local/ports';
import { giveTo, unprivilegedUser } from '../../../deploy/local/unprivileged';
import { isThere, waitUntil } from '../../../deploy/local/wait';
import type { Address } from '../connection';
import type { NamedProcess } from '../processor-time';
import type { Stage } from '../stage';
import { gatewayEnvironment } from './gateway-environment';
import { createLauncher, type Launcher } from './launcher';
import { nginxConfig, type NginxSite } from './nginx-config';
import { seenPath } from './upstream';
import type { OfTargets } from './targets';

const readKeepalive = 64;
const readyLimitMs = 60_000;

/** The process that does a target's own work. */
export const processOf: OfTargets<string> = {
  direct: 'upstream',
  nginx: 'nginx',
  nginx_auto: 'nginx-auto',
  bare_hpm: 'bare-hpm',
  gateway: 'gateway-under-test',
  gateway_cached: 'gateway-under-test',
};
const processNames = [...new Set(Object.values(processOf))];

/** Every system under test, each in processes of its own; all of them live, and one at a time has load. */
export interface Systems {
  at: OfTargets<Address>;
  /** Both in front of the same seckill-service. */
  buyAt: { nginx: Address; gateway: Address };
  /** Of the gateway under test. */
  managementUrl: string;
  processes(): NamedProcess[];
  /** Requests that the upstream has answered so far. */
  upstreamSeen(): Promise<number>;
  trimLogs(): void;
  stop(): Promise<void>;
}

type Ports = Record<
  'upstream' | 'nginx' | 'nginxAuto' | 'nginxBuy' | 'bareProxy' | 'gateway' | 'grpc' | 'management',
  number
>;

export async function startSystems(
  { fleet }: Stage,
  { nginx, buyConnections }: { nginx: string; buyConnections: number },
): Promise<Systems> {
  const ports = await choosePorts();
  const launcher = await createLauncher('bench-gateway', processNames);
  const { upstream } = ports;
  const read = (port: number): NginxSite => ({ port, upstreamPort: upstream, keepalive: readKeepalive });
  const buy = {
    port: ports.nginxBuy,
    upstreamPort: fleet.ports['seckill-service']?.http ?? 0,
    keepalive: buyConnections,
  };
  try {
    await Promise.all([
      startNode(launcher, processOf.direct, ['upstream-main.js', upstream]),
      startNode(launcher, processOf.bare_hpm, ['bare-proxy-main.js', ports.bareProxy, upstream]),
      startNginx(launcher, nginx, { name: processOf.nginx, workers: 1, sites: [read(ports.nginx), buy] }),
      startNginx(launcher, nginx, {
        name: processOf.nginx_auto,
        workers: 'auto',
        sites: [read(ports.nginxAuto)],
      }),
      startGateway(launcher, fleet.environments['gateway'] ?? {}, ports),
    ]);
  } catch (error) {
    await launcher.stop();
    throw error;
  }
  const at = (port: number): Address => ({ host: '127.0.0.1', port });
  return {
    at: {
      direct: at(upstream),
      nginx: at(ports.nginx),
      nginx_auto: at(ports.nginxAuto),
      bare_hpm: at(ports.bareProxy),
      gateway: at(ports.gateway),
      gateway_cached: at(ports.gateway),
    },
    buyAt: { nginx: at(ports.nginxBuy), gateway: at(ports.gateway) },
    managementUrl: `http://127.0.0.1:${ports.management}`,
    processes: () =>
      processNames.map((name) => ({ name, pid: launcher.pidOf(name), hasWorkers: name.startsWith('nginx') })),
    async upstreamSeen() {
      const answer = await fetch(`http://127.0.0.1:${upstream}${seenPath}`);
      return ((await answer.json()) as { seen: number }).seen;
    },
    trimLogs: () => launcher.trimLogs(),
    stop: () => launcher.stop(),
  };
}

async function choosePorts(): Promise<Ports> {
  const [upstream = 0, nginx = 0, nginxAuto = 0, nginxBuy = 0, bareProxy = 0, ...ofGateway] =
    await freePorts(8);
  const [gateway = 0, grpc = 0, management = 0] = ofGateway;
  return { upstream, nginx, nginxAuto, nginxBuy, bareProxy, gateway, grpc, management };
}

/** A script of this folder; its first argument is its port. */
const startNode = (launcher: Launcher, name: string, [script, ...ports]: [string, number, ...number[]]) =>
  launcher.start({
    name,
    command: process.execPath,
    args: [path.join(__dirname, script), ...ports.map(String)],
    env: { NODE_ENV: 'production' },
    port: ports[0],
  });

function startNginx(
  launcher: Launcher,
  nginx: string,
  { name, workers, sites }: { name: string; workers: number | 'auto'; sites: [NginxSite, ...NginxSite[]] },
): Promise<void> {
  const folder = localFolder('bench-gateway', name);
  const config = path.join(folder, 'nginx.conf');
  writeFileSync(config, nginxConfig({ folder, workers, sites }));
  const user = unprivilegedUser(folder, nginx);
  giveTo(user, folder);
  // Until it has read its configuration, it would write to the log of the system.
  const args = ['-e', 'stderr', '-p', folder, '-c', config];
  return launcher.start({ name, command: nginx, args, user, port: sites[0].port });
}

async function startGateway(
  launcher: Launcher,
  ofFleet: Record<string, string>,
  ports: Ports,
): Promise<void> {
  await launcher.start({
    name: processOf.gateway,
    command: process.execPath,
    args: ['--enable-source-maps', path.join(root, 'gateway', 'dist', 'main.js')],
    env: gatewayEnvironment(ofFleet, { ...ports, http: ports.gateway }),
    port: ports.management,
  });
  const isReady = () => isThere(`http://127.0.0.1:${ports.management}/readyz`);
  const isAlive = () => launcher.pidOf(processOf.gateway) !== undefined;
  if ((await waitUntil(isReady, { limitMs: readyLimitMs, isAlive })) !== 'succeeded')
    throw new Error(`${processOf.gateway} did not become ready; its log is in .local/log/bench-gateway`);
}
