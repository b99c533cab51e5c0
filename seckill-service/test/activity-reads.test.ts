import { admin } from '@onrush/chassis/testing/service';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import { eventually } from '@onrush/chassis/testing/wait';
import { createActivityReads } from '../src/use-cases/activity-reads';
import { startAnother, type Instance } from './another-instance';
import { activityBody, startFixture, type Fixture } from './fixture';

let fixture: Fixture;
let far: Instance;
beforeAll(async () => {
  fixture = await startFixture('reads');
  far = await startAnother(fixture, { role: 'api' });
}, 60_000);
afterAll(async () => {
  await far.stop();
  await fixture.stop();
});

interface View {
  title: string;
  status: string;
  remaining: number;
}
const get = async (at: { http: Fixture['http'] }, path: string) =>
  (await at.http.call<View & { items: View[] }>(`GET /api/v1/seckill/activities${path}`)).body.data;

/** Counts what is asked of MySQL and Redis. */
function counted() {
  let reads = 0;
  const one = { id: '1', title: 'One' };
  const reply = <T>(value: T) => {
    reads += 1;
    return new Promise<T>((resolve) => setImmediate(resolve, value));
  };
  const deps = {
    activities: {
      find: (id: string) => reply(id === '1' ? one : null),
      list: () => reply({ items: [one], total: 1 }),
    },
    sales: { read: () => Promise.resolve(undefined) },
  };
  return { reads: createActivityReads(deps as never), count: () => reads };
}

test('a crowd that asks the same at once is one read of the activity, one of the page, and one of what is not there', async () => {
  const { reads, count } = counted();

  await releaseTogether(1_000, () => reads.find('1'));
  expect(count()).toBe(1);
  await releaseTogether(1_000, () => reads.list({ page: 1, pageSize: 20 }));
  expect(count()).toBe(2);
  const unknown = await releaseTogether(1_000, () => reads.find('2'));
  expect(count()).toBe(3);

  expect(unknown.every(({ status }) => status === 'rejected')).toBe(true);
  await expect(reads.find('2')).rejects.toMatchObject({ code: 404401 });
  await reads.list({ page: 2, pageSize: 20 });
  expect(count()).toBe(4);
});

test('what changed elsewhere is seen soon, on every page', async () => {
  const activityId = await fixture.openActivity({ title: 'Before' });
  for (const path of [`/${activityId}`, '?page_size=100']) await get(far, path);

  await fixture.db.query('UPDATE activities SET title = ? WHERE id = ?', ['After', activityId]);

  await eventually(async () => (await get(far, `/${activityId}`)).title === 'After', { timeoutMs: 1_000 });
  await eventually(
    async () => (await get(far, '?page_size=100')).items.some(({ title }) => title === 'After'),
    { timeoutMs: 1_000 },
  );
});

test('whoever changes an activity sees it changed', async () => {
  await get(fixture, '?page_size=1');
  const plan = await fixture.http.call<{ id: string; version: number }>(
    'POST /api/v1/admin/seckill/activities',
    {
      user: admin,
      body: activityBody({ title: 'One' }),
    },
  );
  const { id, version } = plan.body.data;
  const titles = async () => [
    (await get(fixture, `/${id}`)).title,
    (await get(fixture, '?page_size=1')).items[0]?.title,
  ];
  expect(await titles()).toEqual(['One', 'One']);

  await fixture.http.call(`PUT /api/v1/admin/seckill/activities/${id}`, {
    user: admin,
    body: { title: 'Two', version },
  });
  expect(await titles()).toEqual(['Two', 'Two']);
  await fixture.http.call(`POST /api/v1/admin/seckill/warmup/${id}`, { user: admin });

  expect(await get(fixture, `/${id}/status`)).toMatchObject({ status: 'OPEN' });
});

test('what is forgotten is read again', async () => {
  const { reads, count } = counted();
  await reads.find('1');
  await reads.list({ page: 1, pageSize: 20 });
  await reads.find('1');
  expect(count()).toBe(2);

  reads.forget('1');
  await reads.find('1');
  await reads.list({ page: 1, pageSize: 20 });

  expect(count()).toBe(4);
});
