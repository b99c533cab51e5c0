/** Processes of this checkout, for benchmarks that are written in TypeScript; process.js says how one is told from another. */

/** The pid of a process that was started under this name and still runs. */
export function pidOf(name: string, runFolder?: string): number | undefined;
/** Starts a process of its own session, with a log and a pid file; it outlives us. */
export function startProcess(options: {
  name: string;
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  user?: { uid: number; gid: number } | undefined;
  runFolder?: string;
  logFolder?: string;
}): Promise<{ pid: number; log: string }>;
/** The niceness of a process and of its session; below 0 where we may. */
export function makeNice(pid: number, niceness: number): void;
/** Asks the process to end, waits, and ends it; false where it does not run. */
export function stopProcess(
  name: string,
  options?: { limitMs?: number; runFolder?: string; signal?: NodeJS.Signals },
): Promise<boolean>;
/** The last lines of a log, for a message about a process that failed. */
export function lastLines(log: string, count?: number): string;
