import { isKept, newId } from '@onrush/chassis/trace-settings';
import { recordServed } from '@onrush/chassis/spans';
import type { Exchange } from './exchange';

/** W3C `traceparent` of what a request causes: the client's trace or a new one, and the span that the request has, or gets if it fails or takes long. */
export const traceparentOf = (exchange: Exchange): string =>
  `00-${exchange.traceId}-${spanIdOf(exchange)}-${exchange.isSampled ? '01' : '00'}`;

const spanIdOf = (exchange: Exchange): string => (exchange.spanId ??= newId(16));

/** Makes the span of an exchange that is over, where it was sampled or is worth keeping. Names are those of OpenTelemetry's HTTP conventions. */
export function traceServed(exchange: Exchange, { method, status, ms }: Served): void {
  const { route, path, traceId, startedAt, servedVersion } = exchange;
  const hasFailed = status >= 500;
  const isLongLived = route?.kind === 'sse' || route?.kind === 'websocket';
  if (!exchange.isSampled && !isKept(isLongLived ? 0 : ms, hasFailed)) return;
  const at = performance.timeOrigin + startedAt;
  recordServed({
    name: route ? `${method} ${route.path}` : method,
    traceId,
    spanId: spanIdOf(exchange),
    parentId: clientSpanOf(exchange),
    startedAt: at,
    endedAt: at + ms,
    attributes: {
      'http.request.method': method,
      'http.response.status_code': status,
      'url.path': path,
      ...(route && { 'http.route': route.path }),
      ...(servedVersion !== undefined && { 'onrush.served_version': servedVersion }),
    },
    hasFailed,
  });
}

interface Served {
  /** Of those that routes have. */
  method: string;
  status: number;
  ms: number;
}

/** Where its trace goes on. */
function clientSpanOf({ request, traceId }: Exchange): string | undefined {
  const sent = request.headers['traceparent'];
  return typeof sent === 'string' && sent.slice(3, 35) === traceId ? sent.slice(36, 52) : undefined;
}
