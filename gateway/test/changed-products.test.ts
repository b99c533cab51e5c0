import { newEvent } from '@onrush/chassis/message-broker';
import { createTestBroker, type TestBroker } from '@onrush/chassis/testing/broker';
import { infrastructure } from '@onrush/chassis/testing/infrastructure';
import { eventually } from '@onrush/chassis/testing/wait';
import { productChanged } from '@onrush/proto';
import { startFixture, type Fixture } from './fixture';

const { kafkaBrokers } = infrastructure();
/** No answer ends by its time while this test runs. */
const cache = { ttl_ms: 3_600_000, stale_ms: 0, tag: 'product' };
const routes = { 'GET /api/v1/products': { cache }, 'GET /api/v1/products/:id': { cache } };

let fixture: Fixture;
let kafka: TestBroker;
beforeAll(async () => {
  const prepare = async ({ namespace }: Fixture['config']) => {
    kafka = await createTestBroker(namespace);
    // Brings the topic.
    await change('0');
  };
  fixture = await startFixture('changed', { kafkaBrokers, routes }, {}, { prepare });
}, 90_000);
afterAll(async () => {
  await fixture.stop();
  await kafka.cleanup();
}, 60_000);

const change = (id: string) =>
  kafka.broker.publish([
    newEvent(productChanged, id, { product_id: id, version: 2, at: new Date().toISOString() }),
  ]);
const read = async (path: string) => {
  const answer = await fixture.call(`GET /api/v1/products${path}`);
  return { from: answer.headers.get('x-cache'), text: JSON.stringify(answer.body.data) };
};

test('a product that has changed is fresh in the next answer, and in every list; the others stay kept', async () => {
  let price = 100;
  fixture.upstream.answer = (_request, response) =>
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(`{"code":0,"data":{"price":${price}}}`);
  await listening();
  for (const path of ['/1', '/2', '']) await read(path);
  const kept = [await read('/1'), await read('/2'), await read('')];
  price = 90;

  await change('1');

  const fresh = { from: 'miss', text: '{"price":90}' };
  await eventually(async () => expect(await read('/1')).toEqual(fresh) ?? true, { everyMs: 50 });
  expect(await read('')).toEqual(fresh);
  const old = { from: 'hit', text: '{"price":100}' };
  expect(kept).toEqual([old, old, old]);
  expect(await read('/2')).toEqual(old);
}, 90_000);

/** It hears of changes from the moment on at which it forgets all that it may have missed, or of one of these. */
async function listening(): Promise<void> {
  await read('/9');
  await eventually(
    async () => {
      await change('9');
      return (await read('/9')).from === 'miss';
    },
    { timeoutMs: 60_000, everyMs: 200 },
  );
}
