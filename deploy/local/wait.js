'use strict';

/**
 * Tries until it succeeds: 'succeeded', or 'ended' where what is waited for does not live any more, or 'late'. Time is up only after a try that
 * began when it was: what was late may have been ourselves.
 */
async function waitUntil(attempt, { limitMs, isAlive = () => true }) {
  const until = Date.now() + limitMs;
  for (;;) {
    const isLast = Date.now() > until;
    if (await attempt()) return 'succeeded';
    if (!isAlive()) return 'ended';
    if (isLast) return 'late';
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Whether that page answers with a 2xx. */
const isThere = (url) =>
  fetch(url).then(
    (answer) => answer.ok,
    () => false,
  );

module.exports = { isThere, waitUntil };
