import type { Activity } from './activity';

/** Each has series of its own, in every store of metrics: of more than these at once, the others have none. */
export const mostShown = 100;

/** Those that are warmed up and not over, the last to start first. */
export const shownSales = (undrained: Activity[], now: Date): Activity[] =>
  undrained
    .filter(({ endsAt, controlStatus }) => now < endsAt && controlStatus !== 'CLOSED')
    .sort((one, other) => other.startsAt.getTime() - one.startsAt.getTime())
    .slice(0, mostShown);
