/** Answers of both versions in the same stretch of time, and how many of them were bad. */
export interface Counts {
  requests: number;
  bad: number;
  stableRequests: number;
  stableBad: number;
}

/** What speaks against a canary, for one kind of bad answer. */
export interface Evidence {
  /** The figures, where this answer is the one that proves the canary to be worse than allowed. */
  canary(isBad: boolean, nowMs: number): Counts | undefined;
  stable(isBad: boolean, nowMs: number): void;
  /** Forgets everything. */
  clear(): void;
}

export interface EvidenceOptions {
  /** The share of bad answers that is allowed. */
  budget: number;
  windowSeconds: number;
  minRequests: number;
}

/** ln 1000: what happens to a canary that just keeps its budget once in a thousand looks, and to a healthy one practically never. */
const decisive = Math.log(1_000);
/** The canary has to be this many times as bad as the stable version beside it. */
const margin = 1.5;

/**
 * Two tests of "the share of bad answers is above the budget", both judged at each bad answer of the canary.
 *
 * Fast: Wald's sequential test (1945), begun anew whenever it says that all is well, which is Page's CUSUM (1954). A long good past is no
 * credit: a canary that fails everything is out after ten answers, whatever went before.
 * Slow: the Chernoff bound (1952) on the share within the window, which finds what is a little above the budget.
 *
 * Neither blames the canary for what the stable version suffers, too (a database that is away): as with Kayenta, canary and baseline are
 * compared over the same time, here from the answer at which the trouble began, so that the good minutes before it do not make the
 * stable version look better than it is.
 */
export function createEvidence({ budget, windowSeconds, minRequests }: EvidenceOptions): Evidence {
  const window = createWindow(windowSeconds);
  const ifBad = likelihood({ requests: 1, bad: 1 }, budget);
  const ifGood = budget < 1 ? likelihood({ requests: 1, bad: 0 }, budget) : -1;
  /** Since the score was last zero. */
  const run = noCounts();
  let score = 0;
  let runBegan = 0;

  function prove(nowMs: number): Counts | undefined {
    if (score >= decisive) {
      if (likelihood(run, allowed(budget, run)) >= decisive) return { ...run };
      // A trouble that both versions have must not cover one that only the canary has later.
      if (nowMs - runBegan > windowSeconds * 1_000) score = 0;
    }
    const recent = window.sums(nowMs);
    const isProven =
      recent.requests >= minRequests && divergence(recent, allowed(budget, recent)) >= decisive;
    return isProven ? { ...recent } : undefined;
  }

  return {
    canary(isBad, nowMs) {
      window.add('canary', isBad, nowMs);
      if (score === 0) {
        Object.assign(run, none);
        runBegan = nowMs;
      }
      run.requests += 1;
      if (isBad) run.bad += 1;
      score = Math.max(0, score + (isBad ? ifBad : ifGood));
      return isBad ? prove(nowMs) : undefined;
    },
    stable(isBad, nowMs) {
      window.add('stable', isBad, nowMs);
      run.stableRequests += 1;
      if (isBad) run.stableBad += 1;
    },
    clear() {
      score = 0;
      window.clear();
    },
  };
}

const none: Readonly<Counts> = { requests: 0, bad: 0, stableRequests: 0, stableBad: 0 };
const noCounts = (): Counts => ({ ...none });

/** The budget, or more where the stable version does not keep it either. */
const allowed = (budget: number, { stableRequests, stableBad }: Counts): number =>
  stableRequests === 0 ? budget : Math.max(budget, (margin * stableBad) / stableRequests);

/** ln of how much better "twice the allowed share" explains the answers than "the allowed share". */
function likelihood({ requests, bad }: Pick<Counts, 'requests' | 'bad'>, share: number): number {
  if (share >= 1) return 0;
  const worse = Math.min(2 * share, (1 + share) / 2);
  return bad * Math.log(worse / share) + (requests - bad) * Math.log((1 - worse) / (1 - share));
}

/** −ln of the bound on the chance to see so many bad answers or more, were the allowed share the true one. */
function divergence({ requests, bad }: Counts, share: number): number {
  const seen = bad / requests;
  if (seen <= share) return 0;
  const good = seen < 1 ? (1 - seen) * Math.log((1 - seen) / (1 - share)) : 0;
  return requests * (seen * Math.log(seen / share) + good);
}

interface Window {
  add(version: 'canary' | 'stable', isBad: boolean, nowMs: number): void;
  /** Of the last seconds, the running one among them. The same object each time. */
  sums(nowMs: number): Counts;
  clear(): void;
}

/** One slot a second, in place: nothing is allocated for an answer. */
function createWindow(seconds: number): Window {
  const slots = Array.from({ length: seconds }, () => ({ second: -1, ...none }));
  const total = noCounts();

  return {
    add(version, isBad, nowMs) {
      const second = Math.floor(nowMs / 1_000);
      const slot = slots[second % seconds];
      if (!slot) return;
      if (slot.second !== second) {
        Object.assign(slot, none);
        slot.second = second;
      }
      if (version === 'canary') {
        slot.requests += 1;
        if (isBad) slot.bad += 1;
      } else {
        slot.stableRequests += 1;
        if (isBad) slot.stableBad += 1;
      }
    },
    sums(nowMs) {
      const until = Math.floor(nowMs / 1_000);
      Object.assign(total, none);
      for (const slot of slots) {
        if (slot.second <= until - seconds || slot.second > until) continue;
        total.requests += slot.requests;
        total.bad += slot.bad;
        total.stableRequests += slot.stableRequests;
        total.stableBad += slot.stableBad;
      }
      return total;
    },
    clear() {
      for (const slot of slots) slot.second = -1;
    },
  };
}
