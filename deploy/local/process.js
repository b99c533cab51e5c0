'use strict';
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { joinBackground, leaveBackground } = require('./background');
const { localFolder, readJson, writeWhole } = require('./paths');

const longestLogBytes = 50 * 1024 * 1024;

const runFile = (name, runFolder) => path.join(runFolder ?? localFolder('run'), `${name}.json`);

/**
 * When a process began, in a form that tells it from any other that gets its number later; undefined when there is no such process.
 */
function birthOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended; nobody has fetched its status yet.
    return fields[0] === 'Z' ? undefined : `stat:${fields[19]}`;
  } catch {
    if (fs.existsSync('/proc/self/stat')) return undefined;
  }
  try {
    return `ps:${execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()}`;
  } catch {
    return undefined;
  }
}

/** One that ended before anybody could look has no birth, and must not be taken for a number that nobody has. */
const runs = ({ pid, birth }) => birth !== undefined && birthOf(pid) === birth;

/** The pid of a process that we started under this name and that still runs; a recycled number is not it. */
function pidOf(name, runFolder) {
  const known = readJson(runFile(name, runFolder), undefined);
  return known && runs(known) ? known.pid : undefined;
}

/** True when it ended without having been stopped: killed, or crashed. */
function hasDied(name, runFolder) {
  const known = readJson(runFile(name, runFolder), undefined);
  return known !== undefined && !known.stopping && !runs(known);
}

/**
 * Starts a process of its own session, with a log and a pid file; it outlives us. `niceness`: above 0, others go first; below 0, it goes first where
 * we may say so. `isBackground`: it runs while nobody else wants to, where we may say that.
 */
function startProcess({ name, command, args, env = process.env, cwd, user, runFolder, logFolder, ...rank }) {
  const log = path.join(logFolder ?? localFolder('log'), `${name}.log`);
  if (fs.existsSync(log) && fs.statSync(log).size > longestLogBytes) fs.truncateSync(log);
  const output = fs.openSync(log, 'a');
  const child = spawn(command, args, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', output, output],
    ...user,
  });
  fs.closeSync(output);
  const started = new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`${name} did not start: ${error.message}`)));
    child.once('spawn', resolve);
  });
  child.unref();
  return started.then(() => {
    if (rank.niceness) makeNice(child.pid, rank.niceness);
    if (rank.isBackground) joinBackground(child.pid);
    writeWhole(runFile(name, runFolder), JSON.stringify({ pid: child.pid, birth: birthOf(child.pid) }));
    return { pid: child.pid, log };
  });
}

/** Linux weighs sessions against each other first (autogroups), and niceness counts only within one: it becomes that of the session, too. */
function makeNice(pid, niceness) {
  try {
    os.setPriority(pid, niceness);
    fs.writeFileSync(`/proc/${pid}/autogroup`, String(niceness));
  } catch {
    // No autogroups here, so that the niceness alone does it; or nobody but root may go before others, and the process stays as it is.
  }
}

/** Asks the process to end, waits, and ends it. What runs under a recycled number is left alone. */
async function stopProcess(name, { limitMs = 30_000, runFolder, signal = 'SIGTERM' } = {}) {
  const pid = pidOf(name, runFolder);
  if (pid !== undefined) {
    // Whoever watches over it must not start it again.
    writeWhole(runFile(name, runFolder), JSON.stringify({ pid, birth: birthOf(pid), stopping: true }));
    send(pid, signal);
    const until = Date.now() + limitMs;
    while (pidOf(name, runFolder) === pid) {
      if (Date.now() > until) send(pid, 'SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }
  fs.rmSync(runFile(name, runFolder), { force: true });
  leaveBackground();
  return pid !== undefined;
}

function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** The last lines of a log, for a message about a process that failed. */
function lastLines(log, count = 15) {
  if (!fs.existsSync(log)) return '';
  return fs.readFileSync(log, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
}

module.exports = { birthOf, hasDied, makeNice, pidOf, startProcess, stopProcess, lastLines };
