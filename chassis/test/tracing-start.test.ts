import { run } from './process-of-its-own';

test('where tracing is on, a bad setting of it ends the process, and says which', async () => {
  const { ended, output } = run(`require('./tracing-start.js'); console.log('started');`, {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    TRACE_RATIO: '2',
    TRACE_SLOW_MS: 'soon',
  });

  expect(await ended).toBe(1);
  for (const key of ['TRACE_RATIO', 'TRACE_SLOW_MS']) expect(output()).toContain(`${key}: `);
  expect(output()).not.toContain('started');
});

test('spans of requests reach the exporter, the last ones at the end', async () => {
  const { ended, output } = run(`
    const spans = [];
    const exporter = {
      export: (batch, done) => { spans.push(...batch); done({ code: 0 }); },
      shutdown: async () => undefined,
      forceFlush: async () => undefined,
    };
    const stop = require('./tracing.js').startTracing({ service: 'traced', ratio: 1, exporter });
    const http = require('http');
    const { traceIdOf } = require('./request-context.js');
    const ids = [];
    const server = http.createServer((request, response) => {
      ids.push(traceIdOf(request.headers.traceparent));
      response.end('ok');
    }).listen(0, '127.0.0.1', async () => {
      const get = (path) => new Promise((resolve) =>
        require('net').connect(server.address().port, '127.0.0.1')
          .on('close', resolve).resume().end('GET ' + path + ' HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n'));
      await get('/api');
      await get('/livez');
      server.close();
      await stop();
      const service = spans[0].resource.attributes['service.name'];
      const served = spans.filter((span) => span.kind === 1).map((span) => span.attributes['url.path'] ?? span.attributes['http.target']);
      const isOne = spans.find((span) => span.kind === 1).spanContext().traceId === ids[0];
      console.log(JSON.stringify({ service, served, isOne }));
    });`);

  expect(await ended).toBe(0);
  expect(JSON.parse(output().trim().split('\n').at(-1) ?? '')).toEqual({
    service: 'traced',
    served: ['/api'],
    // What logs and answers name is what is found in Jaeger.
    isOne: true,
  });
});

test('without an endpoint the tracing SDK is not even loaded', async () => {
  const script = `require('./tracing-start.js'); console.log(Object.keys(require.cache).some((file) => file.includes('opentelemetry')));`;
  const { ended, output } = run(script);

  expect(await ended).toBe(0);
  expect(output().trim()).toBe('false');
});
