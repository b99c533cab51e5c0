'use strict';

const frames = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
const reminderMs = 10_000;

/** A line for each step with its time. On a terminal the running ones stand in a live line below; elsewhere a reminder comes every 10 s. */
function createProgress(output = process.stdout, now = Date.now) {
  const running = new Map();
  let frame = 0;
  let timer;

  const seconds = (since) => `${((now() - since) / 1000).toFixed(1)} s`;
  const wipe = () => output.isTTY && output.write('\r\x1b[K');

  function draw() {
    if (!output.isTTY || running.size === 0) return;
    const steps = [...running.values()]
      .map(({ name, since }) => `${name} ${Math.round((now() - since) / 1000)} s`)
      .join(' · ');
    const line = `${frames[(frame += 1) % frames.length]} ${steps}`;
    output.write(`\r\x1b[K${line.slice(0, (output.columns ?? 80) - 1)}`);
  }

  function remind() {
    for (const step of running.values()) {
      if (now() - step.reminded < reminderMs) continue;
      step.reminded = now();
      say(`  … ${step.name}, ${Math.round((now() - step.since) / 1000)} s so far`);
    }
  }

  function tick() {
    if (output.isTTY) draw();
    else remind();
  }

  function say(text) {
    wipe();
    output.write(`${text}\n`);
    draw();
  }

  /** Runs the work, and says when it began to take long, when it ended, and whether it failed. */
  async function step(name, work) {
    const id = Symbol(name);
    const since = now();
    running.set(id, { name, since, reminded: since });
    timer ??= setInterval(tick, output.isTTY ? 100 : 1_000);
    try {
      const result = await work();
      running.delete(id);
      say(`✔ ${name}  ${seconds(since)}`);
      return result;
    } catch (error) {
      running.delete(id);
      say(`✘ ${name}  ${seconds(since)}`);
      throw error;
    } finally {
      if (running.size === 0) {
        clearInterval(timer);
        timer = undefined;
      }
    }
  }

  return { say, step };
}

module.exports = { createProgress };
