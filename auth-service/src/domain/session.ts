export interface Session {
  id: string;
  userId: string;
  createdAt: Date;
  expiresAt: Date;
}

export interface RefreshToken {
  sessionId: string;
  userId: string;
  expiresAt: Date;
  usedAt: Date | null;
  sessionExpiresAt: Date;
  revokedAt: Date | null;
}

/** A session that was ended before its time. */
export interface EndedSession {
  id: string;
  revokedAt: Date;
}

/** The most that the configuration may give an access token. */
export const longestAccessSeconds = 600;

/** For clocks that differ, and for a token that was being signed while its session ended. */
const forgetMarginMs = 60_000;

/** How long after its end a session may still have a good access token. */
export const rememberedMs = longestAccessSeconds * 1_000 + forgetMarginMs;

const day = 86_400_000;
const absoluteLifeMs = 30 * day;
const idleLifeMs = 7 * day;
/** A client whose answer was lost asks again with the same token within this time, and gets the same successor. */
const graceMs = 10_000;

export const startSession = (id: string, userId: string, now: Date): Session => ({
  id,
  userId,
  createdAt: now,
  expiresAt: new Date(now.getTime() + absoluteLifeMs),
});

/** Unused for a week, or older than its session: over. */
export const tokenExpiry = (sessionExpiresAt: Date, now: Date): Date =>
  new Date(Math.min(now.getTime() + idleLifeMs, sessionExpiresAt.getTime()));

/** What a presented refresh token means. `stolen`: it was used before, so one of its two holders is a thief. */
export function judge(
  token: RefreshToken | undefined,
  now: Date,
): 'invalid' | 'fresh' | 'repeated' | 'stolen' {
  if (!token || token.revokedAt || token.expiresAt <= now || token.sessionExpiresAt <= now) return 'invalid';
  if (!token.usedAt) return 'fresh';
  return now.getTime() - token.usedAt.getTime() <= graceMs ? 'repeated' : 'stolen';
}
