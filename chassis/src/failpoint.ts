import { ConfigError } from './config';

interface Failpoint {
  name: string;
  /** How often it has still to be passed before it acts. */
  passes: number;
}

/** Of this process. Undefined but in tests of crashes, so that passing one costs a comparison. */
let armed: Failpoint | undefined;

/**
 * Reads `FAILPOINT`, `<name>:kill` or `<name>:kill:<n>`: the process ends by SIGKILL when it passes the place of this name, for the n-th time. Throws
 * ConfigError where it is set and NODE_ENV is not `test`, or where it says something else.
 */
export function armFailpoint(service: string, environment: NodeJS.ProcessEnv = process.env): void {
  const { FAILPOINT: text, NODE_ENV: mode } = environment;
  armed = undefined;
  if (!text) return;
  if (mode !== 'test') throw new ConfigError(service, ['FAILPOINT: only where NODE_ENV is test']);
  const [, name, passes = '1'] = /^([a-z.-]+):kill(?::([1-9]\d{0,5}))?$/.exec(text) ?? [];
  if (name === undefined)
    throw new ConfigError(service, ['FAILPOINT: expected <name>:kill or <name>:kill:<n>']);
  armed = { name, passes: Number(passes) };
}

/** A place at which a process may die. */
export function failpoint(name: string): void {
  if (armed?.name === name) pass(armed);
}

function pass(failpoint: Failpoint): void {
  failpoint.passes -= 1;
  if (failpoint.passes === 0) process.kill(process.pid, 'SIGKILL');
}
