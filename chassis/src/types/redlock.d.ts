/** The parts of redlock 4 that are used here; its own package has no types. */
declare module 'redlock' {
  import type { EventEmitter } from 'node:events';
  import type { Redis } from 'ioredis';

  class Redlock extends EventEmitter {
    static LockError: new (message?: string) => Error;
    constructor(
      clients: Redis[],
      options?: { retryCount?: number; retryDelay?: number; retryJitter?: number },
    );
    acquire(resources: string[], ttlMs: number): Promise<Redlock.Lock>;
  }
  namespace Redlock {
    interface Lock {
      extend(ttlMs: number): Promise<Lock>;
      unlock(): Promise<void>;
    }
  }
  export = Redlock;
}
