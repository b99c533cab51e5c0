import type { Instance } from '../src/discovery';
import { createInstanceList } from '../src/instance-list';

const instance = (id: string, changes: Partial<Instance> = {}): Instance => ({
  id,
  service: 'a-service',
  address: '127.0.0.1',
  httpPort: 1,
  grpcPort: 2,
  version: '1',
  canary: false,
  ...changes,
});
const newList = () => createInstanceList({ service: 'a-service', where: 'a registry' });

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test('an empty answer is believed after ten seconds of it, and not sooner', () => {
  const list = newList();
  list.learn([instance('1')]);

  list.learn([]);
  jest.advanceTimersByTime(6_000);
  list.learn([]);
  jest.advanceTimersByTime(3_999);
  expect(list.instances()).toHaveLength(1);

  jest.advanceTimersByTime(1);
  expect(list.instances()).toEqual([]);
});

test.each(['an answer with somebody in it', 'no answer at all'])('%s ends the doubt', (what) => {
  const list = newList();
  list.learn([instance('1')]);
  list.learn([]);

  if (what === 'no answer at all') list.keep();
  else list.learn([instance('1')]);
  jest.advanceTimersByTime(60_000);

  expect(list.instances()).toHaveLength(1);
});

test('only a list that is another one is told', () => {
  const list = newList();
  const heard: string[] = [];
  list.onChange((instances) => heard.push(instances.map(({ id, version }) => `${id} ${version}`).join()));

  list.learn([instance('1'), instance('2')]);
  list.learn([instance('2'), instance('1')]);
  list.learn([instance('2'), instance('1', { version: '2' })]);

  expect(heard).toEqual(['1 1,2 1', '1 2,2 1']);
});

test('who listens hears at once what is known, and nothing after having stopped', () => {
  const list = newList();
  list.learn([instance('1')]);
  const heard: number[] = [];

  const stop = list.onChange((instances) => heard.push(instances.length));
  stop();
  list.learn([instance('1'), instance('2')]);

  expect(heard).toEqual([1]);
});

test('who waits is told of the first instance, or of the limit', async () => {
  const list = newList();
  const late = expect(list.waitFor(100)).rejects.toThrow(
    'no instance of a-service in a registry after 100 ms',
  );
  jest.advanceTimersByTime(100);
  await late;

  const found = list.waitFor(100);
  list.learn([]);
  list.learn([instance('1')]);

  await found;
  await list.waitFor(0);
});

test('a list that is stopped changes no more by itself', () => {
  const list = newList();
  list.learn([instance('1')]);
  list.learn([]);

  list.stop();
  jest.advanceTimersByTime(60_000);

  expect(list.instances()).toHaveLength(1);
});
