import { setTraceSettings } from '@onrush/chassis/trace-settings';
import { eventually } from '@onrush/chassis/testing/wait';
import { startTracing, type TracingOptions } from '@onrush/chassis/tracing';
import { startFixture, type Fixture } from './fixture';

const slowMs = 300;
type Spans = Parameters<NonNullable<TracingOptions['exporter']>['export']>[0];
let spans: Spans = [];
const exporter = {
  export(ended: Spans, done: (result: { code: number }) => void) {
    spans = spans.concat(ended);
    done({ code: 0 });
  },
  shutdown: () => Promise.resolve(),
};
const stop = startTracing({ service: 'gateway', ratio: 0, slowMs, servesHttpItself: true, exporter });

let fixture: Fixture;
let token: string;
beforeAll(async () => {
  fixture = await startFixture('tracing');
  token = await fixture.accessToken();
}, 60_000);
afterAll(async () => {
  await fixture.stop();
  await stop();
});
const sample = (ratio: 0 | 1) => setTraceSettings({ ratio, slowMs });
const plainAnswer = { decide: undefined as Fixture['seckill']['decide'] | undefined };
beforeEach(() => {
  spans = [];
  fixture.upstream.seen.length = 0;
  fixture.seckill.batches.length = 0;
  plainAnswer.decide ??= fixture.seckill.decide;
  fixture.seckill.decide = plainAnswer.decide;
  sample(0);
});

const clients = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const buyAt = 'POST /api/v1/seckill/activities/77/buy';
const readAt = 'GET /api/v1/products/1/stock';
const idsIn = (traceparent: unknown) => {
  const [, traceId, spanId, flags] = String(traceparent).split('-');
  return { traceId, spanId, flags };
};
const seenTrace = () => idsIn(fixture.upstream.seen[0]?.headers['traceparent']);
const oneSpan = () => eventually(() => (spans.length > 0 ? spans : undefined), { timeoutMs: 5_000 });
/** A request after it has its span, so the one before it would have had one by then. */
async function nothingWasKept() {
  fixture.upstream.answer = (_request, response) => void response.writeHead(500).end();
  await fixture.call('GET /api/v1/products/2/stock');
  const kept = await oneSpan();
  expect(kept.map(({ attributes }) => attributes['url.path'])).toEqual(['/api/v1/products/2/stock']);
}
const answerWell: Fixture['upstream']['answer'] = (_request, response) =>
  response.setHeader('content-type', 'application/json').end('{"code":0}');

describe('a purchase', () => {
  test('that is traced has a span, and takes it along', async () => {
    sample(1);
    const answer = await fixture.call(buyAt, { token, body: {} });

    const [span] = await oneSpan();
    const [request] = fixture.seckill.batches.flat();
    expect(span?.spanContext()).toMatchObject({ traceId: answer.body.trace_id });
    expect(idsIn(request?.traceparent)).toEqual({
      traceId: answer.body.trace_id,
      spanId: span?.spanContext().spanId,
      flags: '01',
    });
    expect(span?.name).toBe('POST /api/v1/seckill/activities/:id/buy');
    expect(span?.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/api/v1/seckill/activities/:id/buy',
      'http.response.status_code': 202,
      'onrush.served_version': '0.1.0',
    });
  });

  test('that is not traced costs the purchase stream nothing', async () => {
    await fixture.call(buyAt, { token, body: {} });

    expect(fixture.seckill.batches.flat()).toMatchObject([{ traceparent: '' }]);
    await nothingWasKept();
  });
});

describe('a read', () => {
  test('goes on with the trace of its client, below a span of ours; whether it is traced is not for the client to say', async () => {
    fixture.upstream.answer = answerWell;
    const traceparent = `00-${clients.traceId}-${clients.spanId}-01`;
    await fixture.call(readAt, { headers: { traceparent } });

    expect(seenTrace()).toMatchObject({ traceId: clients.traceId, flags: '00' });
    expect(seenTrace().spanId).not.toBe(clients.spanId);
    await nothingWasKept();
  });

  test('that fails is kept though it was not traced: under the span that its upstream went on from', async () => {
    fixture.upstream.answer = (_request, response) => void response.writeHead(500).end();
    const traceparent = `00-${clients.traceId}-${clients.spanId}-00`;
    await fixture.call(readAt, { headers: { traceparent } });

    const [span] = await oneSpan();
    expect(span?.spanContext()).toMatchObject({ traceId: clients.traceId, spanId: seenTrace().spanId });
    expect(span?.parentSpanContext?.spanId).toBe(clients.spanId);
    expect(span?.status.code).toBe(2);
  });

  test('that is slow is kept, with the time that it took', async () => {
    fixture.upstream.answer = (request, response) =>
      void setTimeout(() => answerWell(request, response), slowMs + 50);
    await fixture.call(readAt);

    const [span] = await oneSpan();
    expect(span?.parentSpanContext).toBeUndefined();
    const [seconds = 0, nanoseconds = 0] = span?.duration ?? [];
    expect(seconds * 1_000 + nanoseconds / 1e6).toBeGreaterThanOrEqual(slowMs);
    const began = (span?.startTime[0] ?? 0) * 1_000;
    expect(Math.abs(Date.now() - began)).toBeLessThan(60_000);
    expect(span?.status.code).toBe(0);
  });
});

test('an answer that is open for long by its nature is not slow', async () => {
  fixture.upstream.answer = (_request, response) => {
    response.setHeader('content-type', 'text/event-stream').write('data: 1\n\n');
    setTimeout(() => response.end(), slowMs + 50);
  };
  await fixture.call('GET /api/v1/seckill/reservations/7/events', { token });

  await nothingWasKept();
});

test('what was asked behind the question mark is in no span', async () => {
  sample(1);
  fixture.upstream.answer = answerWell;
  await fixture.call('GET /api/v1/products?q=s3cret');

  await oneSpan();
  expect(JSON.stringify(spans.map(({ name, attributes }) => ({ name, attributes })))).not.toContain('s3cret');
});
