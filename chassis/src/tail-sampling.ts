import { SpanKind, SpanStatusCode, TraceFlags, trace, type Context } from '@opentelemetry/api';
import {
  createAlwaysRecordSampler,
  ParentBasedSampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import { decided, longLived } from './spans';
import { isKept } from './trace-settings';

/** What begins by itself, and serves nobody: polls and timers of ours. */
const ownWork = new Set([SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.INTERNAL]);

/**
 * Head sampling: as the caller says, or by the ratio where there is none. What is not sampled is recorded all the same, so that its end can decide
 * (createTailProcessor).
 */
export function createHeadSampler(ratio: number): Sampler {
  const byRatio = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
  const recorded = createAlwaysRecordSampler(byRatio);
  return {
    shouldSample(...asked) {
      const [context, , , kind] = asked;
      if (context.getValue(decided)) return { decision: SamplingDecision.RECORD_AND_SAMPLED };
      if (isOwnWork(context, kind)) return { decision: SamplingDecision.NOT_RECORD };
      return recorded.shouldSample(...asked);
    },
    toString: () => `head(${ratio}), the others recorded`,
  };
}

/** A span of ours that is not recorded has no recorded ones below it. */
function isOwnWork(context: Context, kind: SpanKind): boolean {
  const parent = trace.getSpan(context);
  if (!parent) return ownWork.has(kind);
  return !parent.isRecording() && parent.spanContext().isRemote !== true;
}

const mostTraces = 1_000;
const mostSpansOfOne = 200;

/**
 * Tail sampling in the process: spans that were not sampled wait for the end of what they belong to here, a request or a message. Where that has
 * failed or was slow, they are sent, else forgotten. A failure goes up and slowness holds up the callers, so all processes on the way to it
 * decide alike, and nobody has to gather all spans of all of them first.
 */
export function createTailProcessor(next: SpanProcessor): SpanProcessor {
  const waiting = new Map<string, ReadableSpan[]>();

  function wait(span: ReadableSpan): void {
    const { traceId } = span.spanContext();
    const spans = waiting.get(traceId);
    if (spans) {
      if (spans.length < mostSpansOfOne) spans.push(span);
      return;
    }
    waiting.set(traceId, [span]);
    // The oldest goes: it is of work that went on when its request was over.
    const [oldest = traceId] = waiting.keys();
    if (waiting.size > mostTraces) waiting.delete(oldest);
  }

  function decide(entry: ReadableSpan): void {
    const { traceId } = entry.spanContext();
    const spans = waiting.get(traceId) ?? [];
    waiting.delete(traceId);
    if (!isKept(entry.attributes[longLived] ? 0 : millisecondsOf(entry), hasFailed(entry))) return;
    for (const span of [...spans, entry]) next.onEnd(fitToSend(span));
  }

  return {
    onStart: (span, parentContext) => next.onStart(span, parentContext),
    onEnd(span) {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0) next.onEnd(fitToSend(span));
      else if (isEntry(span)) decide(span);
      else wait(span);
    },
    forceFlush: () => next.forceFlush(),
    shutdown: () => next.shutdown(),
  };
}

/** Nothing above it is of this process. */
const isEntry = ({ parentSpanContext: parent }: ReadableSpan): boolean => !parent || parent.isRemote === true;

const hasFailed = ({ status }: ReadableSpan): boolean => status.code === SpanStatusCode.ERROR;

const millisecondsOf = ({ duration: [seconds, nanoseconds] }: ReadableSpan): number =>
  seconds * 1_000 + nanoseconds / 1e6;

/**
 * Exporters pass over what does not say that it is sampled. The text of an error stays in the log, which masks what drivers put into it: MySQL names
 * the value that was there before.
 */
function fitToSend(span: ReadableSpan): ReadableSpan {
  const spanContext = { ...span.spanContext(), traceFlags: TraceFlags.SAMPLED };
  return Object.create(span, {
    spanContext: { value: () => spanContext },
    status: { value: { code: span.status.code } },
    events: { value: [] },
  }) as ReadableSpan;
}
