/** Ports that are free at this moment, all different, from below those that outgoing connections are given. */
export function freePorts(count: number): Promise<number[]>;
/** Resolves when something listens there; throws after `limitMs`, or when `isAlive` says no. */
export function waitForPort(
  port: number,
  options?: { limitMs?: number; isAlive?: () => boolean; host?: string },
): Promise<void>;
