import type { Redis } from 'ioredis';
import { createRedisChannels, type RedisChannels } from '../src/redis-channels';
import { testNamespace } from '../src/testing/infrastructure';
import { silentLogger } from '../src/testing/logger';
import { createTestRedis, type TestRedis } from '../src/testing/redis';
import { eventually } from '../src/testing/wait';

let redis: TestRedis;
let channels: RedisChannels;
/** The connection that the channels made for themselves. */
let own: Redis;
beforeEach(async () => {
  redis = await createTestRedis(testNamespace('channels'));
  const duplicate = redis.redis.duplicate.bind(redis.redis);
  jest.spyOn(redis.redis, 'duplicate').mockImplementation((options) => (own = duplicate(options)));
  channels = createRedisChannels({ redis: redis.redis, logger: silentLogger });
});
afterEach(async () => {
  await channels.stop();
  await redis.cleanup();
});

function listen(channel: string) {
  const heard: string[] = [];
  let listening = 0;
  channels.listen(channel, {
    onMessage: (message) => heard.push(message),
    onListening: () => (listening += 1),
  });
  return { heard, listening: () => listening };
}

test('messages reach the listener of their channel, from the moment it is told that it listens', async () => {
  const [one, two] = [redis.keys('one'), redis.keys('two')];
  const first = listen(one);
  await channels.start();
  const second = listen(two);
  await eventually(() => first.listening() === 1 && second.listening() === 1);

  await redis.redis.publish(one, 'a');
  await redis.redis.publish(two, 'b');
  await eventually(() => second.heard.length === 1);
  channels.unlisten(one);

  await eventually(async () => (await redis.redis.publish(one, 'c')) === 0);
  expect(first.heard).toEqual(['a']);
  expect(second.heard).toEqual(['b']);
});

test('after the connection was lost it listens again to all, and says so, because what was said meanwhile is lost', async () => {
  const [one, two] = [redis.keys('one'), redis.keys('two')];
  const [first, second] = [listen(one), listen(two)];
  await channels.start();
  await eventually(() => first.listening() === 1 && second.listening() === 1);

  await redis.redis.client('KILL', 'ID', await own.client('ID'));
  await eventually(() => first.listening() === 2 && second.listening() === 2);
  await redis.redis.publish(one, 'again');

  await eventually(() => first.heard.includes('again'));
});

test('a channel that Redis did not take is asked for on a new connection', async () => {
  await channels.start();
  jest.spyOn(own, 'subscribe').mockRejectedValueOnce(new Error('Command timed out'));

  const one = listen(redis.keys('one'));

  await eventually(() => one.listening() === 1);
});
