import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import type { Exchange } from './exchange';
import { traceServed } from './request-trace';
import { routes } from './routes';

/** nginx's number for a client that went away before its answer. */
const clientClosedRequest = 499;

/** A crowd may be gone between two scrapes, and `rate()` does not see how a series begins: those of purchases begin before anybody buys. */
const answersToBuyers = [202, 409, 429, 503];

/** Counts and logs an exchange that is over: one observation, one line. */
export function createServedRecord(deps: { logger: Logger; metrics: Metrics }): (exchange: Exchange) => void {
  const duration = deps.metrics.histogram('http_server_duration_seconds', 'HTTP requests served', [
    'method',
    'route',
    'code',
  ]);
  // Finding the series by its labels costs more than all the rest of this.
  type Series = ReturnType<typeof duration.labels>;
  const series = new Map<string, Map<string, Series[]>>();
  const seriesOf = (method: string, route: string, code: number) => {
    let ofRoute = series.get(route);
    if (!ofRoute) series.set(route, (ofRoute = new Map<string, Series[]>()));
    let byCode = ofRoute.get(method);
    if (!byCode) ofRoute.set(method, (byCode = []));
    return (byCode[code] ??= duration.labels({ method, route, code: String(code) }));
  };
  for (const { kind, methods, path } of routes)
    if (kind === 'buy')
      for (const code of answersToBuyers)
        duration.zero({ method: methods[0] ?? '', route: path, code: String(code) });

  function record(exchange: Exchange): void {
    const { request, response, route, path, startedAt, user, requestId, traceId } = exchange;
    const ms = performance.now() - startedAt;
    const isServed = response.writableFinished || response.statusCode === 101;
    const status = isServed ? response.statusCode : clientClosedRequest;
    // A method that no route has is whatever a client makes up: it must not become a series each.
    const method = route ? (request.method ?? '') : 'OTHER';
    seriesOf(method, route?.path ?? 'unmatched', status).observe(ms / 1_000);
    const line = { method: request.method ?? '', path, status, ms, userId: user?.id, requestId, traceId };
    deps.logger.served(line);
    traceServed(exchange, { method, status, ms });
    if (response.errored)
      deps.logger.error('answer not written', { error: response.errored, trace_id: traceId });
  }

  return record;
}
