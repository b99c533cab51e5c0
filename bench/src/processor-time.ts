import { readFileSync } from 'node:fs';
import { pidOf } from '../../deploy/local/process';
import type { Fleet } from '../../deploy/local/fleet';

const servers = ['mysql', 'redis', 'kafka', 'consul'];
/** A tick of /proc/<pid>/stat, in microseconds: USER_HZ is 100 on Linux. */
const tickMicroseconds = 10_000;

/** Processor time in microseconds, by process. */
export type ProcessorTimes = Map<string, number>;

/** What each process of the fleet, the servers and this generator have used so far (proc(5)); empty where there is no /proc. */
export function processorTimes(fleet: Fleet): ProcessorTimes {
  const processes: [string, number | undefined][] = [
    ['load generator', process.pid],
    ...Object.entries(fleet.services).map(([name, service]): [string, number | undefined] => [
      name,
      service.pid(),
    ]),
    ...servers.map((name): [string, number | undefined] => [name, pidOf(name)]),
  ];
  const times: ProcessorTimes = new Map();
  for (const [name, pid] of processes) {
    const used = pid === undefined ? undefined : timeOf(pid);
    if (used !== undefined) times.set(name, used);
  }
  return times;
}

/** What was used between the two moments, for each of `count` purchases. */
export const perPurchase = (before: ProcessorTimes, after: ProcessorTimes, count: number): ProcessorTimes =>
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
