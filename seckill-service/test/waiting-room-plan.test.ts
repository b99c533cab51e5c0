import { admin } from '@onrush/chassis/testing/service';
import { activityBody, startFixture, type Fixture } from './fixture';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture('roomplan');
}, 60_000);
afterAll(() => fixture.stop());

describe('the plan of a waiting room', () => {
  const create = (waiting_room: unknown) =>
    fixture.http.call<{ id: string; version: number; waiting_room: unknown; token_required: boolean }>(
      'POST /api/v1/admin/seckill/activities',
      { user: admin, body: activityBody({ waiting_room }) },
    );
  const change = (id: string, body: unknown) =>
    fixture.http.call<{ waiting_room: unknown; token_required: boolean; version: number }>(
      `PUT /api/v1/admin/seckill/activities/${id}`,
      { user: admin, body },
    );

  test('asks for purchase tokens, and changes until the warm-up', async () => {
    const { id, version, ...made } = (await create({ rate: 'adaptive' })).body.data;

    const changed = await change(id, {
      version,
      token_required: false,
      waiting_room: { rate: 5, opens_minutes: 0 },
    });
    const without = await change(id, { version: version + 1, waiting_room: null });
    await fixture.http.call(`POST /api/v1/admin/seckill/warmup/${id}`, { user: admin });
    const late = await change(id, { version: version + 2, waiting_room: { rate: 5 } });

    expect(made).toMatchObject({
      waiting_room: { rate: 'adaptive', opens_minutes: 30 },
      token_required: true,
    });
    expect(changed.body.data).toMatchObject({
      waiting_room: { rate: 5, opens_minutes: 0 },
      token_required: true,
    });
    expect(without.body.data.waiting_room).toBeNull();
    expect(late.body.code).toBe(409406);
  });

  test.each([
    ['a rate of 0', { rate: 0 }],
    ['a rate with a fraction', { rate: 1.5 }],
    ['a rate that is no rate', { rate: 'fast' }],
    ['no rate', {}],
    ['a rate beyond all', { rate: 100_001 }],
    ['an opening below 0', { rate: 1, opens_minutes: -1 }],
    ['an opening that is too early', { rate: 1, opens_minutes: 1_441 }],
    ['anything else', { rate: 1, lottery: true }],
    ['no object', 'please'],
  ])('with %s is refused', async (_name, plan) => {
    const answer = await create(plan);

    expect(answer.status).toBe(400);
    expect(answer.body.errors?.[0]?.field).toMatch(/^waiting_room/);
  });
});
