'use strict';
const { hasServerDied, serversUp } = require('./servers');

const lookMs = 500;
const afterFailureMs = 5_000;

/**
 * Starts again what died without having been stopped, as an orchestrator would: `kill -9` any server or service, and watch the sale go on.
 * Returns how to end the watch.
 */
function supervise(progress, fleet) {
  const beingStarted = new Set();

  async function startAgain(name, start) {
    if (beingStarted.has(name)) return;
    beingStarted.add(name);
    progress.say(`✘ ${name} died`);
    try {
      await start();
    } catch (error) {
      progress.say(error.message);
      await new Promise((resolve) => setTimeout(resolve, afterFailureMs).unref());
    }
    beingStarted.delete(name);
  }

  // Each for itself: a service that waits for Kafka does not keep Kafka from coming back.
  const watch = setInterval(() => {
    if (hasServerDied()) void startAgain('a server', () => serversUp(progress));
    for (const [name, service] of Object.entries(fleet.services))
      if (service.hasDied())
        void startAgain(name, () => progress.step(`starting ${name} again`, () => service.restart()));
  }, lookMs);
  return () => clearInterval(watch);
}

module.exports = { supervise };
