import { eventually } from '@onrush/chassis/testing/wait';
import { createUpstreamFixture, type UpstreamFixture } from './upstream-fixture';

let fixture: UpstreamFixture;
beforeEach(async () => void (fixture = await createUpstreamFixture()));
afterEach(() => fixture.stop());

test('a winner is answered while a crowd that waits for the same instance is not', async () => {
  const { instance, seen } = await fixture.backend((request, response) => {
    if (request.url === '/result') response.end('won');
  });
  fixture.known(instance);
  const ends = { answered: 0, refused: 0 };
  const ask = () =>
    fixture.forward({ priority: 'crowd' }).then(
      () => (ends.answered += 1),
      () => (ends.refused += 1),
    );
  const crowd = Array.from({ length: 1_200 }, ask);
  // Every connection of the crowd is in use, as many wait as may, and the others have been sent away.
  await eventually(() => seen.length === 128 && ends.refused === 1_200 - 1_024);

  const winner = await fixture.forward({ priority: 'winner', path: '/result' });

  expect((await winner.collect(100)).toString()).toBe('won');
  expect(ends).toEqual({ answered: 0, refused: 1_200 - 1_024 });
  await fixture.stop();
  await Promise.all(crowd);
});
