import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { traceIdOf } from '@onrush/chassis/request-context';
import { rememberByName } from './header-names';

/** Between a client and us alone (RFC 9110 §7.6.1), or settled by us: the framing of a body, the expectation, the host. */
const hopByHop = [
  'connection',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
/** What only we may say: who somebody is, where they come from, what was asked, how long there is. */
const ours = [
  'authorization',
  'baggage',
  'client-ip',
  'forwarded',
  'traceparent',
  'tracestate',
  'true-client-ip',
  // It says who asks, to us alone.
  'x-api-key',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-deadline-ms',
  'x-host',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-url',
  'x-real-ip',
  'x-request-id',
  'x-rewrite-url',
];
const prefixes = [
  'x-user',
  'x-internal',
  'x-canary',
  'x-forwarded',
  'x-original',
  'grpc-',
  'proxy-',
  // Whose certificate it was, as proxies that end TLS say it (RFC 9440, nginx, HAProxy, AWS, Azure, Cloudflare). Here nobody does.
  'cf-client-cert',
  'client-cert',
  'ssl-client',
  'x-amzn-mtls',
  'x-arr-clientcert',
  'x-client-cert',
  'x-client-dn',
  'x-client-verify',
  'x-ssl',
  'x-tls-client',
];
const stripped = new Set([...hopByHop, ...ours]);

/**
 * Letters, digits and hyphens. Everything else is legal and used by nobody, but servers that turn names into variables take `X_User_Id`
 * (or `X.User.Id`) for `X-User-Id`.
 */
const nameForm = /^[a-z\d-]+$/;

/** W3C Trace Context §3.3.1.5: what is longer may be dropped. */
const tracestateLimit = 512;

/**
 * A client's headers as they may go on, names in lower case and values in turn: without what only we may say, without what is between the
 * client and us alone, without what `Connection` names. The caller adds its own afterwards, so that nothing a client names can remove them.
 * The caller's own are `x-request-id`, `traceparent` and `host`, too; `tracestate` stays where the client's trace can go on.
 */
export function forwardableHeaders({ rawHeaders, headers }: IncomingMessage): string[] {
  const named = connectionNames(headers.connection);
  const kept: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    if (isForwardable(name) && !named?.has(name)) kept.push(name, rawHeaders[index + 1] ?? '');
  }
  const tracestate = tracestateOf(headers);
  if (tracestate !== undefined) kept.push('tracestate', tracestate);
  return kept;
}

/** One look into a map instead of nine comparisons. */
const isForwardable = rememberByName(
  (name) => nameForm.test(name) && !stripped.has(name) && !prefixes.some((prefix) => name.startsWith(prefix)),
);

function connectionNames(connection: string | undefined): Set<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  const names = new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
  // The length frames the body between us and the upstream, too, whatever a client says of it.
  names.delete('content-length');
  return names;
}

function tracestateOf({ tracestate, traceparent }: IncomingHttpHeaders): string | undefined {
  if (typeof tracestate !== 'string' || tracestate.length > tracestateLimit) return undefined;
  const isValid = typeof traceparent === 'string' && traceparent.slice(3, 35) === traceIdOf(traceparent);
  return isValid ? tracestate : undefined;
}
