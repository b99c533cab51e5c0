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
