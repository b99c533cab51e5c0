import { readFileSync } from 'node:fs';
import { pidOf } from '../../deploy/local/process';
import type { Fleet } from '../../deploy/local/fleet';

const servers = ['mysql', 'redis', 'kafka', 'consul'];
/** A tick of /proc/<pid>/stat, in microseconds: USER_HZ is 100 on Linux. */
const tickMicroseconds = 10_000;

export interface NamedProcess {
  name: string;
  pid: number | undefined;
  /** Whether it works in child processes, as nginx does, and a gateway of several workers; ours are no part of us. */
  hasWorkers?: boolean;
}

/** Processor time in microseconds, by process. */
export type ProcessorTimes = Map<string, number>;

/** Each process of the fleet with its workers, the servers, and this generator. */
export const processesOf = (fleet: Pick<Fleet, 'services'>): NamedProcess[] => [
  { name: 'load generator', pid: process.pid },
  ...Object.entries(fleet.services).map(([name, service]) => ({
    name,
    pid: service.pid(),
    hasWorkers: true,
  })),
  ...servers.map((name) => ({ name, pid: pidOf(name) })),
];

/** What they have used so far (proc(5)); empty where there is no /proc. */
export function processorTimes(processes: NamedProcess[]): ProcessorTimes {
  const times: ProcessorTimes = new Map();
  for (const { name, pid, hasWorkers } of processes) {
    const own = pid === undefined ? undefined : timeOf(pid);
    if (pid === undefined || own === undefined) continue;
    const workers = hasWorkers ? childrenOf(pid) : [];
    times.set(
      name,
      workers.reduce((sum, worker) => sum + (timeOf(worker) ?? 0), own),
    );
  }
  return times;
}

/** What was used between the two moments, for each of `count` purchases or requests. */
export const timePerRequest = (
  before: ProcessorTimes,
  after: ProcessorTimes,
  count: number,
): ProcessorTimes =>
  new Map([...after].map(([name, used]) => [name, (used - (before.get(name) ?? used)) / count]));

function timeOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * tickMicroseconds;
  } catch {
    return undefined;
  }
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
