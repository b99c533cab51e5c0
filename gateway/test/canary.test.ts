import type { Instance } from '@onrush/chassis/discovery';
import type { User } from '@onrush/chassis/request-context';
import { chooseCohort, pickPreferred, preferenceOf, type CohortRequest } from '../src/canary/canary';
import { canarySchema, compileRules, slotOf, type CanaryRule } from '../src/canary/canary-rules';
import { instance, rulesOf, upstream } from './canary-fixture';

const ruleOf = (entry: object): CanaryRule => rulesOf(entry).of(upstream);
const userOf = (id: string, ...permissions: string[]): User => ({
  id,
  username: 'mei',
  roles: ['user'],
  permissions,
});
const choose = (entry: object, request: Partial<CohortRequest>, isClosed = false) =>
  chooseCohort(ruleOf(entry), { address: '192.0.2.7', ...request }, isClosed);
const ids = Array.from({ length: 100_000 }, (_, index) => String(7_000_000 + index));
const chosenOf = (rule: CanaryRule) =>
  new Set(ids.filter((id) => chooseCohort(rule, { user: userOf(id), address: '' }, false) === 'canary'));

const stable: Instance = { ...instance('1.0.0', false), id: 'stable' };
const canary: Instance = { ...instance('1.1.0', true), id: 'canary' };
const otherCanary: Instance = { ...instance('1.2.0', true), id: 'other' };

describe('who is served by the canary', () => {
  const staff = userOf('1', 'gateway.canary');

  test.each<[string, object, Partial<CohortRequest>, 'stable' | 'canary']>([
    ['an outsider asks for it', {}, { header: '1' }, 'stable'],
    ['a user without the permission asks', {}, { header: 'true', user: userOf('1', 'order.read') }, 'stable'],
    ['a user with the permission asks', {}, { header: 'true', user: staff }, 'canary'],
    ['an administrator asks', {}, { header: '1', user: userOf('1', '*') }, 'canary'],
    ['staff ask for its version', { version: '1.1.0' }, { header: '1.1.0', user: staff }, 'canary'],
    ['staff ask for another version', { version: '1.1.0' }, { header: '1.0.9', user: staff }, 'stable'],
    ['staff ask twice', {}, { header: 'true, true', user: staff }, 'stable'],
    ['staff ask where headers are off', { header: 'off' }, { header: 'true', user: staff }, 'stable'],
    ['anyone asks where anyone may', { header: 'anyone' }, { header: 'true' }, 'canary'],
    ['nobody asks', { header: 'anyone' }, {}, 'stable'],
    ['the header wins over the list', { users: ['1'] }, { header: 'false', user: staff }, 'stable'],
    ['the header wins over the percentage', { percent: 100 }, { header: 'stable', user: staff }, 'stable'],
    ['an outsider declines', { percent: 100 }, { header: 'false', user: userOf('1') }, 'canary'],
    ['a user is on the list', { users: ['42'] }, { user: userOf('42') }, 'canary'],
    ['a user is not on the list', { users: ['42'] }, { user: userOf('43') }, 'stable'],
    ['all users', { percent: 100 }, { user: userOf('43') }, 'canary'],
    ['all users: not those who are not logged in', { percent: 100 }, {}, 'stable'],
    ['all addresses', { weight: 100 }, {}, 'canary'],
    ['all addresses: not users', { weight: 100 }, { user: userOf('43') }, 'stable'],
  ])('%s', (_name, entry, request, expected) => {
    expect(choose(entry, request)).toBe(expected);
  });

  test('while it is closed: those with the permission, when they ask', () => {
    const open = { header: 'anyone', users: ['1', '2'], percent: 100, weight: 100 };

    expect(choose(open, { header: 'true', user: staff }, true)).toBe('canary');
    expect(choose(open, { user: staff }, true)).toBe('stable');
    expect(choose(open, { header: 'true', user: userOf('2') }, true)).toBe('stable');
    expect(choose(open, { header: 'true' }, true)).toBe('stable');
    expect(choose({ header: 'off' }, { header: 'true', user: staff }, true)).toBe('stable');
  });

  test('a percentage is kept, the same users stay, and more of them join as it grows', () => {
    const shares = [0.25, 1, 5, 30].map((percent) => chosenOf(ruleOf({ percent })));

    expect(shares.map(({ size }) => size / 1_000)).toEqual([
      expect.closeTo(0.25, 1),
      expect.closeTo(1, 0),
      expect.closeTo(5, 0),
      expect.closeTo(30, 0),
    ]);
    expect(chosenOf(ruleOf({ percent: 5 }))).toEqual(shares[2]);
    shares.slice(1).forEach((larger, index) => {
      expect([...(shares[index] ?? [])].filter((id) => !larger.has(id))).toEqual([]);
    });
  });

  test('slots are filled evenly', () => {
    const tenths = Array.from({ length: 10 }, () => 0);
    for (const id of ids) tenths[Math.floor(slotOf(7, id) / 1_000)]! += 1;

    for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  test('another version, and another service, is tried by other users', () => {
    const first = chosenOf(ruleOf({ percent: 5, version: '1.1.0' }));
    const next = chosenOf(ruleOf({ percent: 5, version: '1.2.0' }));
    const elsewhere = chosenOf(
      compileRules(canarySchema.parse({ 'order-service': { percent: 5, version: '1.1.0' } })).of(
        'order-service',
      ),
    );

    for (const other of [next, elsewhere])
      expect([...first].filter((id) => other.has(id)).length / first.size).toBeCloseTo(0.05, 1);
  });

  test('a weight is a share of the addresses, each of which keeps its version', () => {
    const rule = ruleOf({ weight: 20 });
    const addresses = Array.from({ length: 65_536 }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
    const chosen = () => addresses.filter((address) => chooseCohort(rule, { address }, false) === 'canary');

    expect(chosen().length / addresses.length).toBeCloseTo(0.2, 2);
    expect(chosen()).toEqual(chosen());
  });
});

describe('the rules', () => {
  test('an upstream without an entry lets staff ask, and nobody else in', () => {
    const rule = compileRules(canarySchema.parse({})).of('order-service');

    expect(rule).toMatchObject({ upstream: 'order-service', header: 'staff', isOpen: false, userSlots: 0 });
    expect(rule.rollback).toEqual({
      errorRate: 0.05,
      p95Ms: undefined,
      windowSeconds: 10,
      minRequests: 20,
      maxPending: 100,
    });
  });

  test('what may wait grows with the share', () => {
    expect(ruleOf({ percent: 50 }).rollback.maxPending).toBe(1_000);
    expect(ruleOf({ percent: 50, rollback: { max_pending: 7 } }).rollback.maxPending).toBe(7);
  });

  test('the same rules have the same fingerprint, others another', () => {
    const { fingerprint } = ruleOf({ percent: 5 });

    expect(ruleOf({ header: 'staff', percent: 5 }).fingerprint).toBe(fingerprint);
    expect(ruleOf({ percent: 6 }).fingerprint).not.toBe(fingerprint);
    expect(ruleOf({ percent: 5, rollback: { error_rate: 0.1 } }).fingerprint).not.toBe(fingerprint);
  });

  test.each<[object, string, RegExp]>([
    [{ percent: 101 }, 'percent', /percentage from 0 to 100/],
    [{ percent: -1 }, 'percent', /percentage from 0 to 100/],
    [{ percent: '5' }, 'percent', /expected a percentage/],
    [{ percent: 0.125 }, 'percent', /two decimals/],
    [{ weight: 200 }, 'weight', /percentage from 0 to 100/],
    [{ header: 'everyone' }, 'header', /"off"\|"staff"\|"anyone"/],
    [{ users: [42] }, 'users.0', /string/],
    [{ users: ['mei'] }, 'users.0', /id of a user/],
    [{ users: ids.slice(0, 10_001) }, 'users', /take a percentage/],
    [{ version: '' }, 'version', /1/],
    [{ percentage: 5 }, '', /percentage/],
    [{ rollback: { error_rate: 0 } }, 'rollback.error_rate', /from 0.001 to 1/],
    [{ rollback: { error_rate: 5 } }, 'rollback.error_rate', /from 0.001 to 1/],
    [{ rollback: { window_seconds: 60 } }, 'rollback.window_seconds', /30/],
    [{ rollback: { p95: 60 } }, 'rollback', /p95/],
  ])('refused, at the place named: %#', (entry, path, message) => {
    const issues = canarySchema.safeParse({ [upstream]: entry }).error?.issues;

    expect(issues?.map((issue) => issue.path.join('.'))).toEqual([path ? `${upstream}.${path}` : upstream]);
    expect(issues?.[0]?.message).toMatch(message);
  });

  test('two decimals are enough for a share', () => {
    for (const percent of [0.07, 0.29, 4.35, 99.99])
      expect(ruleOf({ percent }).userSlots).toBe(Math.round(percent * 100));
  });

  test('what is no service name is refused', () => {
    expect(canarySchema.safeParse({ 'Seckill Service': {} }).success).toBe(false);
  });
});

describe('which instance answers', () => {
  test.each<[string, [object, 'stable' | 'canary'], Instance[], string | undefined]>([
    ['for the stable cohort, a stable one', [{}, 'stable'], [canary, stable], 'stable'],
    ['for the canary cohort, a canary', [{}, 'canary'], [stable, canary], 'canary'],
    [
      'only the version that is meant',
      [{ version: '1.2.0' }, 'canary'],
      [canary, stable, otherCanary],
      'other',
    ],
    ['a stable one for a canary that is not there', [{}, 'canary'], [stable], 'stable'],
    ['a stable one before another canary', [{ version: '1.3.0' }, 'canary'], [canary, stable], 'stable'],
    ['a canary where there is nothing else', [{}, 'stable'], [canary], 'canary'],
    ['another canary where there is nothing else', [{ version: '1.3.0' }, 'canary'], [canary], 'canary'],
    ['nobody where there is nobody', [{}, 'canary'], [], undefined],
  ])('%s', (_name, [entry, cohort], instances, expected) => {
    const pick = (accepts: (one: Instance) => boolean) => instances.find(accepts);

    expect(pickPreferred(preferenceOf(ruleOf(entry), cohort), pick)?.id).toBe(expected);
  });
});
