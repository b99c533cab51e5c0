import { statSync, truncateSync } from 'node:fs';
import { localFolder, root } from '../../../deploy/local/paths';
import { waitForPort } from '../../../deploy/local/ports';
import { lastLines, pidOf, startProcess, stopProcess } from '../../../deploy/local/process';

export interface Launched {
  name: string;
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  user?: { uid: number; gid: number } | undefined;
  /** It has started when something listens there. */
  port: number;
}

/** Starts and ends processes of the names it was given, each in a session of its own, as services are. */
export interface Launcher {
  start(process: Launched): Promise<void>;
  pidOf(name: string): number | undefined;
  /** Cuts logs that have become long. */
  trimLogs(): void;
  stop(): Promise<void>;
}

const longestLogBytes = 50 * 1024 * 1024;

/** What an earlier run of that name left is ended first. */
export async function createLauncher(folder: string, names: string[]): Promise<Launcher> {
  const folders = { runFolder: localFolder('run', folder), logFolder: localFolder('log', folder) };
  const logs: string[] = [];
  const find = (name: string) => pidOf(name, folders.runFolder);
  const stop = async (): Promise<void> => {
    await Promise.all(names.map((name) => stopProcess(name, folders)));
  };
  // In sessions of their own they would outlive us, whoever interrupts us.
  process.on('exit', () => {
    for (const pid of names.map(find)) if (pid !== undefined) end(pid);
  });
  await stop();
  return {
    async start({ port, ...launched }) {
      const { log } = await startProcess({ ...folders, ...launched, cwd: root });
      logs.push(log);
      const isAlive = () => find(launched.name) !== undefined;
      await waitForPort(port, { isAlive }).catch((error: Error) => {
        throw new Error(`${launched.name} did not start: ${error.message}\n${lastLines(log)}`);
      });
    },
    pidOf: find,
    trimLogs() {
      for (const log of logs) if (statSync(log).size > longestLogBytes) truncateSync(log);
    },
    stop,
  };
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // It has ended by itself.
  }
}
