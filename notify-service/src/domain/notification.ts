export interface Notification {
  id: string;
  /** The event it tells of: one notification an event, whatever is delivered twice. */
  eventId: string;
  userId: string;
  kind: string;
  title: string;
  body: string;
  data: Record<string, string>;
  createdAt: Date;
  readAt: Date | null;
}

/** What an event says to its user, before it has a number. */
export type Draft = Pick<Notification, 'userId' | 'kind' | 'title' | 'body' | 'data'>;

const longestBody = 1_000;

export const createNotification = (
  draft: Draft,
  { id, eventId, now }: { id: string; eventId: string; now: Date },
): Notification => ({ ...draft, body: fit(draft.body), id, eventId, createdAt: now, readAt: null });

/** An order of many items has a long text; what does not fit its column ends in an ellipsis. */
const fit = (body: string): string =>
  body.length <= longestBody ? body : `${[...body].slice(0, longestBody - 1).join('')}…`;
