/** The pid of a process that was started under this name and still runs; process.js says how it is told from another. */
export function pidOf(name: string, runFolder?: string): number | undefined;
