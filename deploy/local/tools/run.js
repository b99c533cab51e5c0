'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { localFolder } = require('../paths');
const { lastLines } = require('../process');

const running = new Set();
// Whoever interrupts us interrupts what we run.
process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

/** Runs a command to its end, its output in a log; the error of a failed one ends with the last lines of it. */
function run(command, args, { name = path.basename(command), env, cwd, user } = {}) {
  const log = path.join(localFolder('log'), `${name}.log`);
  const output = fs.openSync(log, 'w');
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', output, output],
      ...user,
    });
    running.add(child);
    fs.closeSync(output);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      running.delete(child);
      if (code === 0) resolve();
      else reject(new Error(`${name} ended with ${code ?? signal}; the end of ${log}:\n${lastLines(log)}`));
    });
  });
}

module.exports = { run };
