import type { Activity } from '../src/domain/activity';
import { mostShown, shownSales } from '../src/domain/shown-sales';

const now = new Date('2026-01-01T10:00:00Z');
const at = (minutes: number) => new Date(now.getTime() + minutes * 60_000);
const sale = (id: string, changes: Partial<Activity> = {}) =>
  ({ id, startsAt: at(-1), endsAt: at(60), controlStatus: 'OPEN', ...changes }) as Activity;
const idsOf = (activities: Activity[]) => shownSales(activities, now).map(({ id }) => id);

test('sales that are over or closed have no series', () => {
  const paused = sale('3', { controlStatus: 'PAUSED' });

  expect(idsOf([sale('1', { endsAt: now }), sale('2', { controlStatus: 'CLOSED' }), paused])).toEqual(['3']);
});

test('of more than may be shown, those that started first have none', () => {
  const many = Array.from({ length: mostShown + 1 }, (_, n) => sale(String(n), { startsAt: at(n - 500) }));

  expect(idsOf(many)).toHaveLength(mostShown);
  expect(idsOf(many)).not.toContain('0');
});
