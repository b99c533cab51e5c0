import { admin } from '@onrush/chassis/testing/service';
import { operationLog } from '../src/data/operation-log';
import type { Operation, WantedChange } from '../src/domain/operation';
import { controlActivity, type ControlActivity } from '../src/use-cases/control-activity';
import { resumeOperations } from '../src/use-cases/resume-operations';
import type { ControlFixture } from './control-fixture';

/** A step at which a process dies: before it is taken, or when it is taken and nobody has heard of it. */
export type Death = `${'before' | 'after'} ${'product-service' | 'Redis'}`;

export class Died extends Error {}

export const stock = (delta: number) => ({ kind: 'STOCK', delta }) as const;

export const wanted = (activityId: string, change: WantedChange) => ({
  activityId,
  change,
  reason: 'test',
  by: admin.id,
  idempotencyKey: '',
});

export function dyingAt(death: Death, deps: ControlActivity): ControlActivity {
  const dying =
    <A extends unknown[], R>(place: string, step: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (death === `before ${place}`) throw new Died();
      const result = await step(...args);
      if (death === `after ${place}`) throw new Died();
      return result;
    };
  return {
    ...deps,
    products: { resizeReservation: dying('product-service', deps.products.resizeReservation) },
    control: { apply: dying('Redis', deps.control.apply) },
  };
}

/** Whenever it was written, it is old enough. */
const everything = () => new Date(Date.now() + 60_000);

export const resume = ({ deps }: ControlFixture) => resumeOperations(deps, everything());

/** Writes an operation down, and dies. */
export const begin = ({ deps }: ControlFixture, activityId: string, change: WantedChange, death: Death) =>
  expect(controlActivity(dyingAt(death, deps), wanted(activityId, change))).rejects.toThrow(Died);

/** The operation that is pending, as a process holds it that will be late. */
export async function pendingOf({ db }: ControlFixture, activityId: string): Promise<Operation> {
  const operations = await operationLog.findStale(db, everything());
  const own = operations.find((operation) => operation.activityId === activityId);
  if (!own) throw new Error('nothing is pending');
  return own;
}

/** What somebody could buy is in the ledger, and that is reserved at product-service. */
export async function expectNothingUnreserved(fixture: ControlFixture, activityId: string): Promise<void> {
  const { reserved, total, held, free } = await fixture.units(activityId);
  expect(held + (free ?? 0)).toBeLessThanOrEqual(total);
  expect(total).toBeLessThanOrEqual(reserved ?? 0);
}
