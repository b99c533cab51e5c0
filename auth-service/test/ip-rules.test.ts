import { admin, buyer } from '@onrush/chassis/testing/service';
import type { ServiceFixture } from '@onrush/chassis/testing/service-fixture';
import { eventually } from '@onrush/chassis/testing/wait';
import { authService } from '@onrush/proto';
import type { IpRuleList__Output } from '@onrush/proto/gen/onrush/auth/v1/IpRuleList';
import type { Config } from '../src/config';
import { createIpRuleList } from '../src/data/ip-rule-list';
import { mostIpRules } from '../src/domain/ip-rule';
import { instanceAt, startAuthService, within } from './fixture';

interface Rule {
  id: string;
  action: string;
  cidr: string;
  reason: string;
  expires_at: string | null;
  created_by: string;
  created_at: string;
}

let fixture: ServiceFixture<Config>;
const stoppers: (() => Promise<unknown> | void)[] = [];
beforeAll(async () => {
  fixture = await startAuthService('iprules');
}, 60_000);
afterAll(() => fixture.stop());
afterEach(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
  await fixture.db.query('DELETE FROM ip_rules');
});

const path = '/api/v1/admin/ip-rules';
const add = (body: object, user = admin) => fixture.http.call<Rule>(`POST ${path}`, { user, body });
const remove = (id: string, user = admin) => fixture.http.call(`DELETE ${path}/${id}`, { user });
const list = (query = '', user = admin) =>
  fixture.http.call<{ items: Rule[]; total: number }>(`GET ${path}${query}`, { user });
const hourFromNow = () => new Date(Date.now() + 3_600_000).toISOString();

test('a rule is added in one canonical form, listed newest first, and removed', async () => {
  const expiresAt = hourFromNow();
  const added = await add({ action: 'block', cidr: '::ffff:192.0.2.77/120', reason: ' scraper 🤖 ' });
  await add({ action: 'allow', cidr: '2001:DB8::1', expires_at: expiresAt });

  const { body } = await list('?page=1&page_size=1');
  const removed = await remove(added.body.data.id);

  expect(added.status).toBe(201);
  expect(added.body.data).toEqual({
    id: expect.stringMatching(/^\d+$/),
    action: 'block',
    cidr: '192.0.2.0/24',
    reason: 'scraper 🤖',
    expires_at: null,
    created_by: '1',
    created_at: expect.stringMatching(/Z$/),
  });
  expect(body.data).toMatchObject({ total: 2, page: 1, page_size: 1 });
  expect(body.data.items).toMatchObject([{ cidr: '2001:db8::1/128', expires_at: expiresAt, reason: '' }]);
  expect(removed.status).toBe(200);
  expect((await list()).body.data.items.map(({ cidr }) => cidr)).toEqual(['2001:db8::1/128']);
});

test('reading and writing have a permission each', async () => {
  const reader = { ...buyer(5), permissions: ['security.read'] };
  const writer = { ...buyer(6), permissions: ['security.write'] };
  const rule = { action: 'block', cidr: '192.0.2.1' };

  const statuses = [
    (await list('', reader)).status,
    (await add(rule, reader)).status,
    (await list('', writer)).status,
    (await add(rule, writer)).status,
    (await remove('1', reader)).status,
  ];

  expect(statuses).toEqual([200, 403, 403, 201, 403]);
});

test.each([
  ['an action that is none', { action: 'deny' }, 'action'],
  ['no network', { cidr: undefined }, 'cidr'],
  ['a host name', { cidr: 'example.org' }, 'cidr'],
  ['an address that is none', { cidr: '192.0.2.256' }, 'cidr'],
  ['a prefix too long', { cidr: '192.0.2.0/33' }, 'cidr'],
  ['SQL', { cidr: "1.1.1.1' OR 1=1 --" }, 'cidr'],
  ['a number', { cidr: 3_221_225_985 }, 'cidr'],
  ['10 KB', { cidr: '1'.repeat(10_000) }, 'cidr'],
  ['a reason too long', { reason: 'x'.repeat(256) }, 'reason'],
  ['a time that is over', { expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
  ['a time that is none', { expires_at: 'tomorrow' }, 'expires_at'],
  ['a time without a zone', { expires_at: '2099-01-01T00:00:00' }, 'expires_at'],
  ['a time after the last', { expires_at: '9999-12-31T23:59:59-10:00' }, 'expires_at'],
])('%s is 400 with the field, and adds nothing', async (_name, change, field) => {
  const answer = await add({ action: 'block', cidr: '192.0.2.1', ...change });

  expect(answer.status).toBe(400);
  expect(answer.body.errors?.map((problem) => problem.field)).toEqual([field]);
  expect((await list()).body.data.total).toBe(0);
});

test.each(['0.0.0.0/0', '203.0.113.9/0', '::/0', '::ffff:0:0/96'])('to block %s is refused', async (cidr) => {
  const answer = await add({ action: 'block', cidr });

  expect(answer.body).toMatchObject({ code: 422201, message: 'this rule would block everybody' });
  expect((await list()).body.data.total).toBe(0);
});

test('the same rule again is 409, however it is written; an expired one makes room', async () => {
  await add({ action: 'block', cidr: '2001:db8::/32', expires_at: hourFromNow() });

  const again = await add({ action: 'block', cidr: '2001:0DB8:0::5/32' });
  const opposite = await add({ action: 'allow', cidr: '2001:db8::/32' });
  await fixture.db.query('UPDATE ip_rules SET expires_at = ? WHERE action = ?', [new Date(), 'block']);
  const afterwards = await add({ action: 'block', cidr: '2001:db8::/32' });

  expect(again.body.code).toBe(409201);
  expect(opposite.status).toBe(201);
  expect(afterwards.status).toBe(201);
  expect((await list()).body.data.total).toBe(2);
});

test('a rule that is not there is 404', async () => {
  expect((await remove('999999999999999999')).status).toBe(404);
  expect((await remove('99999999999999999999')).status).toBe(404);
});

test('above the limit no rule is added', async () => {
  const rows = Array.from({ length: mostIpRules }, (_, index) => [
    index + 1,
    'block',
    `10.${index >> 8}.${index & 255}.0/24`,
    '',
    1,
    new Date(),
  ]);
  await fixture.db.query('INSERT INTO ip_rules (id, action, cidr, reason, created_by, created_at) VALUES ?', [
    rows,
  ]);
  const reader = await readRules();

  const answer = await add({ action: 'block', cidr: '192.0.2.1' });

  expect(answer.body.code).toBe(422202);
  expect(reader.last()).toHaveLength(mostIpRules);
});

async function readRules() {
  const client = fixture.clientAs('gateway', authService);
  const stream = await client.openServerStream('IpRules', {}, instanceAt(fixture.config.grpcPort));
  const lists: IpRuleList__Output[] = [];
  stream.on('data', (list: IpRuleList__Output) => list.whole && lists.push(list));
  stream.on('error', () => undefined);
  stoppers.push(() => stream.cancel());
  await eventually(() => lists.length > 0);
  return { lists, last: () => (lists.at(-1)?.rules ?? []).map(({ cidr, action }) => `${action} ${cidr}`) };
}
test('the list comes whole at once, and again when a rule is added or removed', async () => {
  await add({ action: 'block', cidr: '192.0.2.0/24' });
  const reader = await readRules();
  const atFirst = reader.last();
  const { id } = (await add({ action: 'allow', cidr: '192.0.2.7' })).body.data;

  await eventually(() => reader.last().length === 2, within);
  const withBoth = reader.last();
  await fixture.http.call(`DELETE /api/v1/admin/ip-rules/${id}`, { user: admin });

  await eventually(() => reader.last().length === 1, within);
  expect(atFirst).toEqual(['block 192.0.2.0/24']);
  expect(withBoth).toEqual(['block 192.0.2.0/24', 'allow 192.0.2.7/32']);
  expect(reader.lists).toHaveLength(3);
});

test('it comes again without a rule that is over', async () => {
  let nowMs = Date.now();
  await add({ action: 'block', cidr: '192.0.2.9', expires_at: new Date(nowMs + 60_000).toISOString() });
  const list = createIpRuleList({ db: fixture.db, now: () => nowMs });
  await list.poll();
  const before = list.next(undefined);
  await list.poll();
  const unchanged = list.next(before?.cursor);

  nowMs += 60_001;
  await list.poll();

  expect(before?.message.rules).toMatchObject([{ cidr: '192.0.2.9/32', expiresAt: nowMs - 1 }]);
  expect(unchanged).toBeUndefined();
  expect(list.next(before?.cursor)?.message).toEqual({ whole: true, rules: [] });
});
