import { createAwakeClock } from '../src/upstream/awake-clock';

test('it goes with the time, and by a quarter of a second at the most where nobody was awake to tick', () => {
  let time = 1_000;
  const clock = createAwakeClock(() => time);
  const readings: number[] = [];
  const read = () => readings.push(clock.now());

  read();
  time += 100;
  read();
  clock.tick();
  time += 200;
  read();
  clock.tick();
  time += 30_000;
  read();
  clock.tick();
  read();
  time += 100;
  read();

  expect(readings).toEqual([1_000, 1_100, 1_300, 1_550, 1_550, 1_650]);
});
