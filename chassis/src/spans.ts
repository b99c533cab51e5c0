import {
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Span,
} from '@opentelemetry/api';
import { withIds, type SpanIds } from './span-ids';

/** What goes on with somebody's trace: a W3C `traceparent`. */
export interface Traced {
  traceparent?: string | undefined;
}

const tracer = trace.getTracer('onrush');

/** W3C Trace Context §3.2.2.5: the lowest bit of the flags. */
export const isSampled = ({ traceparent }: Traced): boolean =>
  traceparent !== undefined && (Number.parseInt(traceparent.slice(-1), 16) & 1) === 1;

const contextOf = ({ traceparent }: Traced): Context =>
  traceparent ? propagation.extract(ROOT_CONTEXT, { traceparent }) : ROOT_CONTEXT;

/** Runs the work as a part of the trace: what it calls and what it publishes goes on with it. */
export const inTraceOf = <T>(traced: Traced, work: () => T): T =>
  traced.traceparent ? context.with(contextOf(traced), work) : work();

/** The trace of what runs right now, for what it begins. */
export const activeTrace = (): Traced => traceOf(context.active());

function traceOf(active: Context): Traced {
  const carrier: Traced = {};
  propagation.inject(active, carrier);
  return carrier;
}

const goingOn = (span: Span): Traced => traceOf(trace.setSpan(ROOT_CONTEXT, span));

export interface ServedSpan extends Traced {
  end(result: string): void;
}

/** The span of one request that came in a message with many others. `traceparent` is what goes on from it. */
export function beginServed(name: string, caller: Traced): ServedSpan {
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER }, contextOf(caller));
  return {
    ...goingOn(span),
    end: (result) => void span.setAttribute('onrush.result', result).end(),
  };
}

export interface FinishedRequest extends SpanIds {
  name: string;
  /** The caller's span. */
  parentId: string | undefined;
  /** Milliseconds since the epoch. */
  startedAt: number;
  endedAt: number;
  attributes: Attributes;
  hasFailed: boolean;
}

/** Marks the span of an answer that is open for as long as somebody listens: it is not slow. */
export const longLived = 'onrush.long_lived';

/** Set where it is decided that a span is sampled. */
export const decided = createContextKey('onrush.decided');

/**
 * The span of a request that is over, under the ids with which others have gone on from it. A server that has many requests and traces few of
 * them pays for these few alone.
 */
export function recordServed({ name, parentId, startedAt, endedAt, ...request }: FinishedRequest): void {
  const { traceId, attributes, hasFailed } = request;
  const parent = parentId && {
    traceId,
    spanId: parentId,
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  };
  const above = parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
  const options = { kind: SpanKind.SERVER, startTime: startedAt, attributes };
  const span = withIds(request, () => tracer.startSpan(name, options, above.setValue(decided, true)));
  if (hasFailed) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(endedAt);
}

/**
 * Work that is done once for many, as one span: in the trace of the first that is sampled. Every other sampled one has a span in its own trace, which
 * is linked with that one, and that one with it (OpenTelemetry, "Links between spans"). `work` gets the same items, with the `traceparent` that goes
 * on from the span of each.
 */
export async function inSpans<I extends Traced, T>(
  name: string,
  items: I[],
  work: (items: I[]) => Promise<T>,
): Promise<T> {
  const lead = items.find(isSampled) ?? items.find(({ traceparent }) => traceparent) ?? {};
  const span = tracer.startSpan(name, { kind: SpanKind.CONSUMER }, contextOf(lead));
  // Where nothing is traced there is nothing to begin and nothing to end.
  if (!span.isRecording()) return inTraceOf(lead, () => work(items));
  span.setAttribute('messaging.batch.message_count', items.length);
  const links = [{ context: span.spanContext() }];
  const spans = new Map<Traced, Span>([[lead, span]]);
  for (const item of items)
    if (item !== lead && isSampled(item))
      spans.set(item, tracer.startSpan(name, { kind: SpanKind.CONSUMER, links }, contextOf(item)));
  for (const other of spans.values()) if (other !== span) span.addLink({ context: other.spanContext() });
  const own = items.map((item) => {
    const ownSpan = spans.get(item);
    return ownSpan ? { ...item, ...goingOn(ownSpan) } : item;
  });
  try {
    return await context.with(trace.setSpan(ROOT_CONTEXT, span), () => work(own));
  } catch (error) {
    for (const failed of spans.values()) failed.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    for (const ended of spans.values()) ended.end();
  }
}
