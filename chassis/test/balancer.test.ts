import { createBalancer, type Balancer } from '../src/balancer';
import { createStaticDiscovery, type Discovery, type Instance } from '../src/discovery';

const instance = (id: string, changes: Partial<Instance> = {}): Instance => ({
  id,
  service: 's',
  address: 'a',
  httpPort: 1,
  grpcPort: 2,
  version: '1',
  canary: false,
  ...changes,
});

/** A balancer over these instances, a clock that stands still until it is moved, and a way to change the list. */
function balancerOver(...ids: string[]) {
  let instances = ids.map((id) => instance(id));
  let tell = (_instances: Instance[]) => undefined as void;
  const discovery: Discovery = {
    ...createStaticDiscovery({}),
    instances: () => instances,
    onChange(_service, listener) {
      tell = listener;
      return () => undefined;
    },
  };
  const clock = { now: 0 };
  const balancer = createBalancer(discovery, 's', () => clock.now);
  const become = (...next: string[]) => tell((instances = next.map((id) => instance(id))));
  return { balancer, clock, become };
}

const only = (balancer: Balancer, id: string) => balancer.pick((each) => each.id === id);
const ejectedOf = (balancer: Balancer) =>
  balancer.states().flatMap(({ instanceId, ejected }) => (ejected ? [instanceId] : []));

/** Which instances many calls go to, none of which waits for another. */
const pickedOf = (balancer: Balancer, accepts?: (each: Instance) => boolean) =>
  new Set(
    Array.from({ length: 100 }, () => {
      const pick = balancer.pick(accepts);
      pick?.done('abandoned');
      return pick?.instance.id;
    }),
  );

test('of two the one with less to do is chosen', () => {
  const { balancer } = balancerOver('a', 'b');
  only(balancer, 'a');

  expect(pickedOf(balancer)).toEqual(new Set(['b']));
});

test('calls that end give their place back, however they end', () => {
  const { balancer } = balancerOver('a', 'b');
  only(balancer, 'b');
  for (const outcome of ['ok', 'failed', 'abandoned'] as const) only(balancer, 'a')?.done(outcome);

  expect(pickedOf(balancer)).toEqual(new Set(['a']));
});

test('one refused connection takes an instance out, until a call to it has gone well', () => {
  const { balancer, clock } = balancerOver('a', 'b');
  only(balancer, 'a')?.done('unreachable');

  expect(ejectedOf(balancer)).toEqual(['a']);
  expect(pickedOf(balancer)).toEqual(new Set(['b']));
  clock.now = 999;
  expect(pickedOf(balancer)).toEqual(new Set(['b']));

  clock.now = 1_000;
  only(balancer, 'a')?.done('ok');

  expect(ejectedOf(balancer)).toEqual([]);
  expect(pickedOf(balancer)).toEqual(new Set(['a', 'b']));
});

test('three failures in a row take it out, two and a success do not', () => {
  const { balancer } = balancerOver('a', 'b');
  for (const outcome of ['failed', 'failed', 'ok', 'failed', 'failed'] as const)
    only(balancer, 'a')?.done(outcome);
  expect(ejectedOf(balancer)).toEqual([]);

  only(balancer, 'a')?.done('failed');

  expect(ejectedOf(balancer)).toEqual(['a']);
});

test('a client that goes away tells nothing of the instance', () => {
  const { balancer } = balancerOver('a', 'b');
  for (const outcome of ['failed', 'failed', 'abandoned', 'failed'] as const)
    only(balancer, 'a')?.done(outcome);
  expect(ejectedOf(balancer)).toEqual(['a']);

  only(balancer, 'a')?.done('abandoned');

  expect(ejectedOf(balancer)).toEqual(['a']);
});

test('one call at a time probes what was ejected', () => {
  const { balancer, clock } = balancerOver('a', 'b');
  only(balancer, 'a')?.done('unreachable');
  clock.now = 1_000;
  const probe = only(balancer, 'a');
  // While it is asked, the others go where it is certain, however much there is to do.
  for (let index = 0; index < 50; index += 1) only(balancer, 'b');
  expect(pickedOf(balancer)).toEqual(new Set(['b']));

  probe?.done('abandoned');

  expect(pickedOf(balancer).has('a')).toBe(true);
  expect(ejectedOf(balancer)).toEqual(['a']);
});

test('each failed probe doubles the time, up to 30 s, and a good one starts it anew', () => {
  const { balancer, clock } = balancerOver('a', 'b');
  const timeOut = () => {
    const from = clock.now;
    while (!pickedOf(balancer).has('a') && clock.now < from + 60_000) clock.now += 500;
    return clock.now - from;
  };
  const times = Array.from({ length: 7 }, () => {
    only(balancer, 'a')?.done('unreachable');
    return timeOut();
  });
  expect(times).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);

  only(balancer, 'a')?.done('ok');
  only(balancer, 'a')?.done('unreachable');

  expect(timeOut()).toBe(1_000);
});

test('calls that began before the ejection neither end it nor prolong it', () => {
  const { balancer, clock } = balancerOver('a', 'b');
  const [first, second, third] = [only(balancer, 'a'), only(balancer, 'a'), only(balancer, 'a')];
  first?.done('unreachable');

  second?.done('ok');
  expect(ejectedOf(balancer)).toEqual(['a']);
  third?.done('unreachable');

  clock.now = 1_000;
  expect(pickedOf(balancer).has('a')).toBe(true);
});

test('an ejected instance is never chosen while one that is accepted is well', () => {
  const { balancer } = balancerOver('a', 'b', 'c');
  only(balancer, 'a')?.done('unreachable');

  expect(pickedOf(balancer, ({ id }) => id !== 'c')).toEqual(new Set(['b']));
});

test('when all that are accepted are out, all are in, and their failures prolong nothing', () => {
  const { balancer, clock } = balancerOver('a', 'b', 'c');
  for (const id of ['a', 'b']) only(balancer, id)?.done('unreachable');
  const notC = ({ id }: Instance) => id !== 'c';
  expect(pickedOf(balancer, notC)).toEqual(new Set(['a', 'b']));

  for (let index = 0; index < 20; index += 1) balancer.pick(notC)?.done('unreachable');

  clock.now = 1_000;
  expect(pickedOf(balancer)).toEqual(new Set(['a', 'b', 'c']));
});

test('a call that goes well in a panic brings its instance back', () => {
  const { balancer } = balancerOver('a', 'b');
  for (const id of ['a', 'b']) only(balancer, id)?.done('unreachable');

  only(balancer, 'a')?.done('ok');

  expect(ejectedOf(balancer)).toEqual(['b']);
  expect(pickedOf(balancer)).toEqual(new Set(['a']));
});

test('a caller that tries again leaves out what it has tried', () => {
  const { balancer } = balancerOver('a', 'b', 'c');
  const tried: string[] = [];
  const untried = ({ id }: Instance) => !tried.includes(id);

  for (let pick = balancer.pick(untried); pick; pick = balancer.pick(untried)) {
    tried.push(pick.instance.id);
    pick.done('unreachable');
  }

  expect(tried.toSorted()).toEqual(['a', 'b', 'c']);
});

test('what leaves the list is forgotten, and comes back as new', () => {
  const { balancer, become } = balancerOver('a', 'b');
  only(balancer, 'a')?.done('unreachable');

  become('b');
  expect(balancer.states()).toEqual([{ instanceId: 'b', ejected: false }]);
  become('a', 'b');

  expect(ejectedOf(balancer)).toEqual([]);
});

test('when none is known or accepted, there is none', () => {
  expect(balancerOver().balancer.pick()).toBeUndefined();
  expect(balancerOver('a').balancer.pick(() => false)).toBeUndefined();
});
