import { randomBytes } from 'node:crypto';
import { firstAdmin, startFleet, type Fleet } from '../../deploy/local/fleet';
import type { Observed } from '../../deploy/local/observers';
import { createApi, type Api } from '../src/api';
import { logIn } from '../src/buyers';
import { readServers, type Servers } from '../src/environment';
import { removeNamespace } from '../src/namespace';

export interface TestFleet {
  fleet: Fleet;
  servers: Servers;
  api: Api;
  adminToken: string;
  adminPassword: string;
  stop(): Promise<void>;
}

/**
 * The built services as processes of their own, in a namespace of the test file's own; `extra` is the environment of some of them, `observed` says
 * where their spans go.
 */
export async function startTestFleet(
  label: string,
  extra: Record<string, Record<string, string>> = {},
  observed?: Observed['env'],
): Promise<TestFleet> {
  const servers = readServers();
  const namespace = `t_${label}_${randomBytes(3).toString('hex')}`;
  const fleet = await startFleet({ servers, namespace, extra, observed });
  const api = createApi(fleet.gatewayUrl, 128);
  const stop = async () => {
    await api.close();
    await fleet.stop();
    await removeNamespace(servers, namespace);
  };
  try {
    const admin = firstAdmin(fleet);
    const adminPassword = admin.password ?? '';
    const adminToken = await logIn(api, admin.username, adminPassword);
    return { fleet, servers, api, adminToken, adminPassword, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
