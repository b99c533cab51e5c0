import type { Fleet } from './fleet';

/** supervise.js says what it does. */
export function supervise(
  progress: { say(text: string): void; step<T>(name: string, work: () => Promise<T>): Promise<T> },
  fleet: Fleet,
): () => void;
