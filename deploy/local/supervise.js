'use strict';
const { hasServerDied, serversUp } = require('./servers');

const lookMs = 500;
const afterFailureMs = 5_000;

/**
 * Starts again what died without having been stopped, as an orchestrator would: `kill -9` any server or service, and watch the sale go on.
 * Returns how to end the watch.
 */
function supervise(progress, fleet) {
  let timer;
  let ended = false;

  async function look() {
    if (hasServerDied()) {
      progress.say('✘ a server died');
      await serversUp(progress);
    }
    for (const [name, service] of Object.entries(fleet.services)) {
      if (!service.hasDied()) continue;
      progress.say(`✘ ${name} died`);
      await progress.step(`starting ${name} again`, service.restart);
    }
  }

  const lookAgain = (ms) => {
    if (ended) return;
    timer = setTimeout(() => {
      look().then(
        () => lookAgain(lookMs),
        (error) => {
          progress.say(error.message);
          lookAgain(afterFailureMs);
        },
      );
    }, ms);
  };
  lookAgain(lookMs);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

module.exports = { supervise };
