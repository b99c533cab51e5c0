import { context, propagation, trace } from '@opentelemetry/api';
import { traceIdOf, traceparentOf } from '@onrush/chassis/request-context';
import type { Exchange } from '../exchange';

/** The trace that the upstream goes on with: our span where requests are traced, else the client's own if it is a valid one, else a new one. */
export function traceHeaders({ request, span, traceId, requestId }: Exchange): string[] {
  if (span) {
    const carrier: Record<string, string> = {};
    propagation.inject(trace.setSpan(context.active(), span), carrier);
    return Object.entries(carrier).flat();
  }
  const traceparent = request.headers['traceparent'];
  const goesOn = typeof traceparent === 'string' && traceIdOf(traceparent) === traceId;
  return ['traceparent', goesOn ? traceparent : traceparentOf({ traceId, requestId })];
}
