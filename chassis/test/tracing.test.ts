import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, type ReadableSpan } from '@opentelemetry/sdk-trace';
import { newEvent, onEach, type EventDefinition, type ReceivedEvent } from '../src/message-broker';
import { activeTrace, beginServed, inSpans, longLived, recordServed, type Traced } from '../src/spans';
import { isKept } from '../src/trace-settings';
import { startTracing } from '../src/tracing';

const slowMs = 50;
/** It forgets at its end what it got, and the last are sent before that. */
class Exporter extends InMemorySpanExporter {
  override shutdown = (): Promise<void> => Promise.resolve();
}
const exporter = new Exporter();
// Nothing is drawn: what is sent was sampled by its caller, or kept for what became of it.
const stop = startTracing({ service: 'tested', ratio: 0, slowMs, servesHttpItself: true, exporter });
const tracer = trace.getTracer('test');
let sent: ReadableSpan[] = [];
afterAll(async () => {
  await stop();
});

/** What was sent since the last time. The last of all ends with the time-out of a batch. */
async function spans(): Promise<ReadableSpan[]> {
  const provider = trace.getTracerProvider() as unknown as { getDelegate(): { forceFlush(): Promise<void> } };
  await provider.getDelegate().forceFlush();
  sent = exporter.getFinishedSpans();
  exporter.reset();
  return sent;
}

const traceparent = (id: number, flags: '00' | '01') =>
  `00-${String(id).padStart(32, '0')}-${String(id).padStart(16, '0')}-${flags}`;
const idsOf = ({ traceparent: text = '' }: Traced) => {
  const [, traceId, spanId, flags] = text.split('-');
  return { traceId, spanId, flags };
};

/** A request with a call below it, as the libraries' instrumentations make them. */
function serve({ fails = false, ms = 1, isLong = false }) {
  // Small numbers would be taken for times since the process began, unless they are still to come.
  const startTime = 1_700_000_000_000;
  const request = tracer.startSpan('request', { kind: SpanKind.SERVER, startTime });
  const below = trace.setSpan(ROOT_CONTEXT, request);
  tracer.startSpan('call', { kind: SpanKind.CLIENT }, below).end();
  if (fails) request.setStatus({ code: 2 });
  if (isLong) request.setAttribute(longLived, true);
  request.end(startTime + ms);
}

describe('the tail', () => {
  test('of what was well is forgotten', async () => {
    serve({});
    serve({ ms: slowMs - 1 });
    expect(await spans()).toEqual([]);
  });

  test('of what failed is sent, with what was below it', async () => {
    serve({ fails: true });
    const kept = await spans();
    expect(kept.map(({ name }) => name)).toEqual(['call', 'request']);
    expect(new Set(kept.map((span) => span.spanContext().traceId)).size).toBe(1);
    expect(kept[0]?.parentSpanContext?.spanId).toBe(kept[1]?.spanContext().spanId);
  });

  test('of what was slow is sent, but not of what is open for long by its nature', async () => {
    serve({ ms: slowMs + 1 });
    expect((await spans()).map(({ name }) => name)).toEqual(['call', 'request']);
    serve({ ms: slowMs + 1, isLong: true });
    expect(await spans()).toEqual([]);
  });

  test('of work of our own, which nobody waits for, is none', async () => {
    const poll = tracer.startSpan('poll', { kind: SpanKind.CLIENT });
    tracer.startSpan('below', {}, trace.setSpan(ROOT_CONTEXT, poll)).end();
    poll.setStatus({ code: 2 }).end();
    expect(await spans()).toEqual([]);
  });

  test('is bounded: of a crowd that is turned away a hundred a second are kept', () => {
    const now = jest.spyOn(performance, 'now');
    now.mockReturnValue(7_000_000);
    const ofASecond = Array.from({ length: 1_000 }, () => isKept(1, true)).filter(Boolean).length;
    now.mockReturnValue(7_001_000);
    const next = isKept(1, true);
    now.mockRestore();
    expect({ ofASecond, next }).toEqual({ ofASecond: 100, next: true });
  });

  test('does not grow with spans whose request was over before them', async () => {
    for (let count = 0; count < 1_500; count += 1) {
      const request = tracer.startSpan('request', { kind: SpanKind.SERVER });
      const late = tracer.startSpan('late', {}, trace.setSpan(ROOT_CONTEXT, request));
      request.setStatus({ code: 2 });
      late.end();
      if (count === 1_499) request.end();
    }
    expect((await spans()).map(({ name }) => name)).toEqual(['late', 'request']);
  });
});

test('the text of an error is in no span: drivers put values into it', async () => {
  const span = tracer.startSpan('request', { kind: SpanKind.SERVER });
  const error = new Error("Duplicate entry '13900001234' for key 'uq_username'");
  span.recordException(error);
  span.setStatus({ code: 2, message: error.message }).end();
  const [kept] = await spans();
  expect(kept?.status).toEqual({ code: 2 });
  expect(kept?.events).toEqual([]);
});

describe('one span for many', () => {
  const items: (Traced & { id: number })[] = [
    { id: 1, traceparent: traceparent(1, '00') },
    { id: 2, traceparent: traceparent(2, '01') },
    { id: 3 },
    { id: 4, traceparent: traceparent(4, '01') },
  ];

  test('is in the trace of the first that is sampled; each other one has its own, and they are linked', async () => {
    const { worked, active } = await inSpans('work', items, (own) =>
      Promise.resolve({ worked: own, active: activeTrace() }),
    );
    const all = await spans();
    const [lead, other] = [2, 4].map((id) =>
      all.find(
        (span) => span.parentSpanContext?.spanId === idsOf({ traceparent: traceparent(id, '01') }).spanId,
      ),
    );
    expect(all).toHaveLength(2);
    expect(lead?.spanContext().traceId).toBe(idsOf(items[1] ?? {}).traceId);
    expect(other?.spanContext().traceId).toBe(idsOf(items[3] ?? {}).traceId);
    expect(lead?.links.map((link) => link.context.spanId)).toEqual([other?.spanContext().spanId]);
    expect(other?.links.map((link) => link.context.spanId)).toEqual([lead?.spanContext().spanId]);
    expect(lead?.attributes['messaging.batch.message_count']).toBe(4);
    // What goes on: from the own span of each, where it has one.
    expect(worked.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
    expect(worked.map((item) => idsOf(item).spanId)).toEqual([
      idsOf(items[0] ?? {}).spanId,
      lead?.spanContext().spanId,
      undefined,
      other?.spanContext().spanId,
    ]);
    expect(idsOf(active).spanId).toBe(lead?.spanContext().spanId);
  });

  test('is kept where it fails, also when nothing was sampled', async () => {
    const failing = inSpans('work', [{ traceparent: traceparent(9, '00') }], () =>
      Promise.reject(new Error('no')),
    );
    await expect(failing).rejects.toThrow('no');
    const [kept] = await spans();
    expect(kept?.spanContext().traceId).toBe(idsOf({ traceparent: traceparent(9, '00') }).traceId);
    expect(kept?.status).toEqual({ code: 2 });
    await inSpans('work', [{ traceparent: traceparent(9, '00') }], () => Promise.resolve());
    expect(await spans()).toEqual([]);
  });
});

test('a purchase that came with others has a span of its own, and goes on from it', async () => {
  const span = beginServed('Buy', { traceparent: traceparent(5, '01') });
  span.end('accepted');
  const [served] = await spans();
  expect(served?.attributes['onrush.result']).toBe('accepted');
  expect(served?.parentSpanContext?.spanId).toBe(idsOf({ traceparent: traceparent(5, '01') }).spanId);
  expect(idsOf(span).spanId).toBe(served?.spanContext().spanId);
});

test('the span of a request that is over has the ids that went on from it', async () => {
  const request = {
    name: 'GET /a',
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    startedAt: 1_700_000_000_000,
    endedAt: 1_700_000_000_250,
    attributes: { 'http.route': '/a' },
    hasFailed: true,
  };
  recordServed({ ...request, parentId: undefined });
  recordServed({ ...request, spanId: 'c'.repeat(16), parentId: 'd'.repeat(16) });
  const all = await spans();
  expect(all.map((span) => span.spanContext())).toMatchObject([
    { traceId: request.traceId, spanId: request.spanId },
    { traceId: request.traceId, spanId: 'c'.repeat(16) },
  ]);
  expect(all.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([undefined, 'd'.repeat(16)]);
  expect(all[0]).toMatchObject({ name: 'GET /a', status: { code: 2 }, duration: [0, 250_000_000] });
  // Its ids were for it alone.
  serve({ fails: true });
  expect((await spans()).map((span) => span.spanContext().traceId)).not.toContain(request.traceId);
});

describe('an event', () => {
  const definition = { type: 'a', version: 1 } as EventDefinition<object>;

  test('goes on with its cause, or with nothing where its cause has no trace', () => {
    const cause = { traceparent: traceparent(6, '01') };
    const here = context.with(
      trace.setSpan(ROOT_CONTEXT, tracer.startSpan('here', { kind: SpanKind.SERVER })),
      () => ({
        caused: newEvent(definition, '1', {}, cause),
        untraced: newEvent(definition, '1', {}, {}),
        own: newEvent(definition, '1', {}),
        active: activeTrace(),
      }),
    );
    expect(here.caused.traceparent).toBe(cause.traceparent);
    expect(here.untraced).not.toHaveProperty('traceparent');
    expect(here.own.traceparent).toBe(here.active.traceparent);
  });

  test('that is handled one by one is handled in its own trace', async () => {
    const seen: (string | undefined)[] = [];
    const handler = onEach(definition, () => {
      seen.push(idsOf(newEvent(definition, '1', {})).traceId);
      return Promise.resolve();
    });
    const events = [1, 2].map((id) => ({ traceparent: traceparent(id, '01') }) as ReceivedEvent<unknown>);
    await handler.handle(events);
    expect(seen).toEqual(events.map((event) => idsOf(event).traceId));
  });
});
