'use strict';
const { lastLines, pidOf, startProcess } = require('./process');
const { isThere, waitUntil } = require('./wait');

/** Starts a server of Prometheus' family: its settings are flags, and it answers `/-/ready` at its port. Returns when it does, or throws with the end of its log. */
async function startUntilReady({ name, port, settings, ...others }) {
  const args = Object.entries(settings).map(([key, value]) => `--${key}=${value}`);
  const { log } = await startProcess({ name, args, niceness: 15, ...others });
  const isAlive = () => pidOf(name) !== undefined;
  const isReady = () => isThere(`http://127.0.0.1:${port}/-/ready`);
  const outcome = await waitUntil(isReady, { limitMs: 120_000, isAlive });
  if (outcome !== 'succeeded') throw new Error(`${name} did not start (${outcome})\n${lastLines(log)}`);
}

module.exports = { startUntilReady };
