import { randomBytes } from 'node:crypto';
import { createApi, type Api } from '@onrush/e2e/api';
import { logIn, logInSeeded, seedBuyers, type Buyer } from '@onrush/e2e/buyers';
import { readServers, type Servers } from '@onrush/e2e/environment';
import { removeNamespace } from '@onrush/e2e/namespace';
import { firstAdmin, startFleet, type Fleet } from '../../deploy/local/fleet';
import type { Observed } from '../../deploy/local/observers';

export type Step = <T>(name: string, work: () => Promise<T>) => Promise<T>;

/** What every benchmark plays on: a fleet and data of its own. */
export interface Stage {
  servers: Servers;
  namespace: string;
  fleet: Fleet;
  /** The public API of the fleet's own gateway. */
  api: Api;
  say(text: string): void;
  step: Step;
  adminToken(): Promise<string>;
}

/** Access tokens live ten minutes; none is used for the second half of it. */
const longestUseMs = 300_000;

export const say = (text: string): void => console.log(text);

/** A line with its time for each step that has ended. */
export const step: Step = async (name, work) => {
  const began = performance.now();
  const result = await work();
  say(`✔ ${name}  ${((performance.now() - began) / 1_000).toFixed(1)} s`);
  return result;
};

/** Starts a fleet, and ends it with all its data, however the work ends. `observed` says where its spans go; nowhere unless the environment says. */
export async function onStage(
  extra: Record<string, Record<string, string>>,
  work: (stage: Stage) => Promise<void>,
  observed?: Observed['env'],
): Promise<void> {
  const servers = readServers();
  const namespace = `bench_${randomBytes(3).toString('hex')}`;
  const fleet = await startFleet({ servers, namespace, step, extra, observed });
  const api = createApi(fleet.gatewayUrl, 64);
  try {
    const admin = firstAdmin(fleet);
    const adminToken = renewed(() => logIn(api, admin.username, admin.password ?? ''));
    await work({ servers, namespace, fleet, api, say, step, adminToken });
  } finally {
    await api.close();
    await fleet.stop();
    await removeNamespace(servers, namespace);
  }
}

/** Buyers who are logged in whenever they are asked for: their tokens are new enough for the minutes to come. */
export function createBuyers({ servers, namespace, api }: Stage, prefix: string, count: number) {
  return renewed<Buyer[]>(async () =>
    logInSeeded(api, await seedBuyers({ servers, namespace, count, prefix })),
  );
}

/** Calls again when the last result is too old. */
export function renewed<T>(make: () => Promise<T>, now: () => number = Date.now): () => Promise<T> {
  let last: { value: T; at: number } | undefined;
  return async () => {
    if (!last || now() - last.at > longestUseMs) last = { value: await make(), at: now() };
    return last.value;
  };
}
