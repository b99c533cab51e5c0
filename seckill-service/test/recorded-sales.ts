import { buyer } from '@onrush/chassis/testing/service';
import { eventually } from '@onrush/chassis/testing/wait';
import { verifySale, type Verdict, type WantedAudit } from '../src/use-cases/verify-sale';
import { buyAt, type Bought } from './another-instance';
import type { Fixture } from './fixture';
import { tellCancelled } from './order-events';

export interface RecordedSales {
  query<T = unknown>(sql: string, values: unknown[]): Promise<T[]>;
  verify(activityId: string, more?: Partial<WantedAudit>): Promise<Verdict>;
  buyOne(activityId: string, user: number): Promise<Bought>;
  statusesOf(activityId: string): Promise<{ id: string; status: string }[]>;
  /** Three batches of one purchase each, and the second was given back: four records. */
  soldThree(): Promise<{ activityId: string; bought: Bought[] }>;
}

/** What the tests of a sale's record do with a fixture, which may start later. */
export function recordedSales(fixture: () => Fixture): RecordedSales {
  const query = <T>(sql: string, values: unknown[]) => fixture().db.query<T[]>(sql, values);
  const statusesOf = (activityId: string) =>
    query<{ id: string; status: string }>('SELECT id, status FROM reservations WHERE activity_id = ?', [
      activityId,
    ]);
  async function buyOne(activityId: string, user: number): Promise<Bought> {
    const key = `key-of-${user}`;
    const { status, body } = await buyAt(fixture(), { activityId, user: buyer(user), key });
    if (status !== 202) throw new Error(`not bought: ${JSON.stringify(body)}`);
    return body.data;
  }
  return {
    query,
    statusesOf,
    buyOne,
    async verify(activityId, more = {}) {
      const verdict = await verifySale(fixture().db, { activityId, ...more });
      if (!verdict) throw new Error('no such activity');
      return verdict;
    },
    async soldThree() {
      const activityId = await fixture().openActivity();
      const bought: Bought[] = [];
      for (const user of [1, 2, 3]) {
        bought.push(await buyOne(activityId, user));
        await eventually(async () => (await statusesOf(activityId)).length === user);
      }
      const [, second] = bought as [Bought, Bought, Bought];
      await tellCancelled(fixture(), { ...second, activityId, userId: '2' }, 'späte Bezahlung 🎫');
      await eventually(async () =>
        (await statusesOf(activityId)).some(({ status }) => status === 'RELEASED'),
      );
      return { activityId, bought };
    },
  };
}
