import type { Component } from '@onrush/chassis/lifecycle';
import type { CarryOut } from '../use-cases/carry-out';
import { resumeOperations } from '../use-cases/resume-operations';

const restMs = 1_000;

/** Carries on what a dead process began. Those of several workers may meet: every step of an operation counts once. */
export function createOperationTimer(
  deps: CarryOut,
  { resumeAfterMs }: { resumeAfterMs: number },
): Component {
  let timer: NodeJS.Timeout | undefined;
  let turn: Promise<void> = Promise.resolve();
  let isRunning = false;

  function next(): void {
    if (!isRunning) return;
    timer = setTimeout(() => {
      turn = resumeOperations(deps, new Date(Date.now() - resumeAfterMs))
        .catch((error: unknown) => deps.logger.warn('pending operations not looked for', { error }))
        .finally(next);
    }, restMs);
  }

  return {
    name: 'operation timer',
    start: () => {
      isRunning = true;
      next();
      return Promise.resolve();
    },
    stop: async () => {
      isRunning = false;
      clearTimeout(timer);
      await turn;
    },
  };
}
