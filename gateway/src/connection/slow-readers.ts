import type { Server } from 'node:http';
import type { Socket } from 'node:net';

interface Progress {
  /** Bytes that the system took. */
  taken: number;
  /** Milliseconds, of performance.now(). */
  since: number;
}

export interface SlowReaderLimits {
  checkMs: number;
  patienceMs: number;
  pendingBytes: number;
}

export const slowReaderLimits: SlowReaderLimits = {
  checkMs: 5_000,
  patienceMs: 20_000,
  pendingBytes: 2_097_152,
};

/**
 * Ends connections whose client does not read its answer: nothing of what waits went out for 20 s (found within 25 s), or more than 2 MiB
 * wait. Only bytes that wait count: a stream without news may be silent for as long as it likes. Calls `onEnded` for each.
 */
export function watchSlowReaders(server: Server, limits: SlowReaderLimits, onEnded: () => void): void {
  const open = new Map<Socket, Progress | undefined>();
  server.on('connection', (socket: Socket) => {
    open.set(socket, undefined);
    socket.once('close', () => open.delete(socket));
  });

  function check(): void {
    const now = performance.now();
    for (const [socket, before] of open) {
      const progress = progressOf(socket, before, now);
      if (progress !== before) open.set(socket, progress);
      if (progress === undefined) continue;
      if (now - progress.since < limits.patienceMs && socket.writableLength <= limits.pendingBytes) continue;
      onEnded();
      socket.destroy();
    }
  }

  server.once('listening', () => {
    const timer = setInterval(check, limits.checkMs);
    timer.unref();
    server.once('close', () => clearInterval(timer));
  });
}

/** Undefined where nothing waits; since when nothing moved elsewhere. */
function progressOf(socket: Socket, before: Progress | undefined, now: number): Progress | undefined {
  const waiting = socket.writableLength;
  if (waiting === 0) return undefined;
  const taken = socket.bytesWritten - waiting;
  return before?.taken === taken ? before : { taken, since: now };
}
