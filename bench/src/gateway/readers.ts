import type { Buyer } from '@onrush/e2e/buyers';
import { authorizationOf } from '../buy-request';
import type { LoadRequest } from '../http-wire';
import { httpRequest } from '../http-wire';
import { withConnections } from '../connections';
import { countsOf, runLoad } from '../load';
import { createBuyers, type Stage } from '../stage';
import { askedRoutes } from './gateway-environment';
import type { Systems } from './systems';
import type { Target } from './targets';

/** Keep-alive connections of the load generator for reads. */
export const readConnections = 64;
export const readerCount = 1_000;

export interface Bench {
  stage: Stage;
  systems: Systems;
  readers: () => Promise<Readers>;
}

export interface Readers {
  /** The same bytes for every target: a user's GET with an access token, by users in turn; of the cached page, everybody's. */
  requestsFor(target: Target): LoadRequest[];
}

/** Users who are logged in, and whose tokens the gateway has seen once, as it has when a page is opened. */
export function createReaders(stage: Stage, { at }: Systems): () => Promise<Readers> {
  const logIn = createBuyers(stage, 'reader', readerCount);
  let known: { people: Buyer[]; readers: Readers } | undefined;
  return async () => {
    const people = await logIn();
    if (known?.people === people) return known.readers;
    const proxied = people.map((person) => httpRequest(askedRoutes.proxied, authorizationOf(person)));
    const seen = await withConnections(at.gateway, readConnections, (connections) =>
      runLoad({ connections, requests: proxied }),
    );
    if (countsOf(seen, 200).failed > 0)
      throw new Error(`the gateway refused readers: ${[...seen.statuses].join('; ')}`);
    const cached = [httpRequest(askedRoutes.cached, {})];
    known = {
      people,
      readers: { requestsFor: (target) => (target === 'gateway_cached' ? cached : proxied) },
    };
    return known.readers;
  };
}
