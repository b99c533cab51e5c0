import { createHash } from 'node:crypto';
import { eventually } from '@onrush/chassis/testing/wait';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buyer } from '@onrush/chassis/testing/service';
import { releaseTogether } from '@onrush/chassis/testing/gate';
import type { Config } from '../src/config';
import { leadingZeroBits } from '../src/domain/proof-of-work';
import { startFixture, type Fixture } from './fixture';

interface TokenAnswer {
  token: string | null;
  challenge: { kind: string; puzzle?: string; difficulty?: number; site_key?: string } | null;
}

let fixture: Fixture;
const start = async (label: string, changes: Partial<Config> = {}) =>
  void (fixture = await startFixture(label, changes));
afterEach(() => fixture.stop());

const openActivity = (changes: Record<string, unknown> = {}) =>
  fixture.openActivity({ token_required: true, per_user_limit: 2, ...changes });
const ask = (activityId: string, user: number, body: unknown = {}, headers: Record<string, string> = {}) =>
  fixture.http.call<TokenAnswer>(`POST /api/v1/seckill/activities/${activityId}/token`, {
    user: buyer(user),
    body,
    headers,
  });
const tokenOf = async (activityId: string, user: number) =>
  (await ask(activityId, user)).body.data.token ?? '';
const buy = (activityId: string, user: number, token?: string, headers: Record<string, string> = {}) =>
  fixture.http.call<{ reservation_id: string }>(`POST /api/v1/seckill/activities/${activityId}/buy`, {
    user: buyer(user),
    body: { ...(token !== undefined && { token }) },
    headers,
  });
const remaining = async (activityId: string) => (await fixture.sales.read(activityId))?.remaining;

test('where tokens are asked for, a purchase needs one of its own, once', async () => {
  await start('tokens');
  const activityId = await openActivity();
  const other = await openActivity();
  const mine = await tokenOf(activityId, 1);

  const refused = [
    await buy(activityId, 1),
    await buy(activityId, 1, 'made-up'),
    await buy(activityId, 1, await tokenOf(activityId, 2)),
    await buy(activityId, 1, await tokenOf(other, 1)),
  ];
  const before = await remaining(activityId);
  const bought = await buy(activityId, 1, mine);
  const again = await buy(activityId, 1, mine);
  const next = await buy(activityId, 1, await tokenOf(activityId, 1));

  expect(refused.map(({ status, body }) => [status, body.code])).toEqual(Array(4).fill([403, 403401]));
  expect(before).toBe(100);
  expect([bought.status, again.status, next.status]).toEqual([202, 403, 202]);
  expect(await remaining(activityId)).toBe(98);
});

test('a token that is sent a thousand times in parallel buys once', async () => {
  await start('tokensparallel');
  const activityId = await openActivity({ per_user_limit: 100 });
  const token = await tokenOf(activityId, 1);

  const answers = await releaseTogether(1_000, () => buy(activityId, 1, token));

  const statuses = answers.map((answer) => answer.status === 'fulfilled' && answer.value.status);
  expect(statuses.filter((status) => status === 202)).toHaveLength(1);
  expect(statuses.filter((status) => status === 403)).toHaveLength(999);
});

test('the same Idempotency-Key gets the same answer, though its token is used up', async () => {
  await start('tokenskey');
  const activityId = await openActivity();
  const token = await tokenOf(activityId, 1);
  const headers = { 'idempotency-key': 'the-same' };

  const first = await buy(activityId, 1, token, headers);
  const second = await buy(activityId, 1, token, headers);

  expect(second.status).toBe(202);
  expect(second.body.data).toEqual(first.body.data);
});

test('a refused try leaves the token good', async () => {
  await start('tokensrefused');
  const activityId = await openActivity({ total: 1 });
  const winner = await buy(activityId, 1, await tokenOf(activityId, 1));
  const token = await tokenOf(activityId, 2);
  const soldOut = await buy(activityId, 2, token);
  const { reservation_id: id } = winner.body.data;

  await fixture.sales.release({ id, activityId, userId: buyer(1).id }, { restock: true });

  expect([winner.status, soldOut.status]).toEqual([202, 409]);
  await eventually(async () => (await buy(activityId, 2, token)).status === 202);
});

test('tokens are for sales that ask for them, shortly before the start and until the end', async () => {
  await start('tokenswhen');
  const soon = await openActivity({ starts_at: new Date(Date.now() + 50_000).toISOString() });
  const later = await openActivity({ starts_at: new Date(Date.now() + 70_000).toISOString() });
  const without = await openActivity({ token_required: false });

  const answers = [await ask(soon, 1), await ask(later, 1), await ask(without, 1), await ask('9', 1)];
  const bad = [await ask(soon, 1, { puzzle: 7 }), await ask(soon, 1, { other: 'x' })];

  expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
    [201, 0],
    [409, 409401],
    [409, 409420],
    [404, 404401],
  ]);
  expect(bad.map(({ status }) => status)).toEqual([400, 400]);
});

test('proof of work is posed, and its solution is good for one purchase', async () => {
  await start('tokenspow', { challenge: { kind: 'proof_of_work', difficulty: 10 } });
  const activityId = await openActivity();

  const posed = await ask(activityId, 1);
  const { puzzle = '', difficulty = 0 } = posed.body.data.challenge ?? {};
  const solution = solve(puzzle, difficulty);
  const solved = [
    await ask(activityId, 1, { puzzle, solution }),
    await ask(activityId, 1, { puzzle, solution }),
  ];
  const wrong = await ask(activityId, 1, { puzzle, solution: 'x' });
  const foreign = await ask(activityId, 2, { puzzle, solution });
  const bought = [];
  for (const { body } of solved) bought.push(await buy(activityId, 1, body.data.token ?? ''));

  expect(posed.status).toBe(200);
  expect(posed.body.data).toMatchObject({
    token: null,
    challenge: { kind: 'proof_of_work', difficulty: 10 },
  });
  expect(solved.map(({ status }) => status)).toEqual([201, 201]);
  expect([wrong, foreign].map(({ status, body }) => [status, body.code])).toEqual(
    Array(2).fill([403, 403402]),
  );
  expect(bought.map(({ status }) => status)).toEqual([202, 403]);
});

function solve(puzzle: string, bits: number): string {
  for (let tried = 0; ; tried += 1)
    if (leadingZeroBits(createHash('sha256').update(`${puzzle}.${tried}`).digest()) >= bits)
      return String(tried);
}

test('a captcha is checked by whoever made it; when nobody can tell, it is to be tried again', async () => {
  const forms: URLSearchParams[] = [];
  const verifier = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const form = new URLSearchParams(text);
      forms.push(form);
      if (form.get('response') === 'breaks') return void response.writeHead(500).end('oops');
      response.end(JSON.stringify({ success: form.get('response') === 'good' }));
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => verifier.once('listening', resolve));
  const verifyUrl = `http://127.0.0.1:${(verifier.address() as AddressInfo).port}/siteverify`;
  await start('tokenscaptcha', {
    challenge: { kind: 'captcha', site_key: 'site', secret: 'hush', verify_url: verifyUrl },
  });
  const activityId = await openActivity();

  const posed = await ask(activityId, 1);
  const answers = [];
  for (const captcha of ['good', 'bad', 'breaks']) answers.push(await ask(activityId, 1, { captcha }));
  verifier.close();

  expect(posed.body.data).toEqual({
    token: null,
    expires_at: null,
    challenge: { kind: 'captcha', site_key: 'site' },
  });
  expect(answers.map(({ status }) => status)).toEqual([201, 403, 503]);
  expect(forms[0]?.get('secret')).toBe('hush');
});

test('who asks too often has to wait: a user, an address, a device', async () => {
  const rule = (quota: number) => ({ quota, window_seconds: 600 });
  await start('tokensvelocity', { tokenVelocity: { user: rule(2), address: rule(5), device: rule(3) } });
  const activityId = await openActivity();
  const askFrom = async (user: number, address: string, device?: string) => {
    const headers = { 'x-forwarded-for': address, ...(device && { 'x-device-id': device }) };
    const { status, headers: told } = await ask(activityId, user, {}, headers);
    return status === 429 ? `429 after ${told.get('retry-after')}` : status;
  };

  const ofUser = [await askFrom(1, 'a'), await askFrom(1, 'b'), await askFrom(1, 'c')];
  const ofDevice = [];
  for (const user of [2, 3, 4, 5]) ofDevice.push(await askFrom(user, `of ${user}`, 'one phone'));
  const ofAddress = [];
  for (const user of [11, 12, 13, 14, 15, 16]) ofAddress.push(await askFrom(user, 'one flat'));

  expect(ofUser).toEqual([201, 201, '429 after 600']);
  expect(ofDevice).toEqual([201, 201, 201, '429 after 600']);
  expect(ofAddress).toEqual([201, 201, 201, 201, 201, '429 after 600']);
});
