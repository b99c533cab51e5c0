import { internalTokenHeader, type InternalTokens } from '@onrush/chassis/internal-tokens';
import type { Exchange } from '../exchange';
import { clientProtocol } from '../connection/client-address';
import { forwardableHeaders } from '../connection/request-headers';
import type { GatewayRoute } from '../routes';
import { traceparentOf } from '../request-trace';

/** What goes on to an upstream. Header lists are names and values in turn. */
export interface Onward {
  /** The client's headers that may go on, and ours: who calls for whom (signed, for this upstream), from where, in which trace. */
  requestHeaders(exchange: Exchange, route: GatewayRoute): Promise<string[]>;
  /** For an answer that everybody may get: nothing of the client that happens to be the first. */
  sharedRequestHeaders(exchange: Exchange, route: GatewayRoute): Promise<string[]>;
}

export function createOnward(deps: { tokens: InternalTokens; trustedHops: number }): Onward {
  const { tokens, trustedHops } = deps;
  return {
    async requestHeaders(exchange, { upstream }) {
      const { request, user, requestId, address } = exchange;
      return [
        ...forwardableHeaders(request),
        internalTokenHeader,
        await tokens.issue(upstream, user),
        'x-request-id',
        requestId,
        'x-forwarded-for',
        address,
        'x-forwarded-proto',
        clientProtocol(request, trustedHops),
        'x-forwarded-host',
        request.headers.host ?? '',
        'traceparent',
        traceparentOf(exchange),
      ];
    },
    async sharedRequestHeaders(exchange, { upstream }) {
      const token = await tokens.issue(upstream);
      const { requestId } = exchange;
      return [internalTokenHeader, token, 'x-request-id', requestId, 'traceparent', traceparentOf(exchange)];
    },
  };
}
