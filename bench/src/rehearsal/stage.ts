import { setTimeout as wait } from 'node:timers/promises';
import type { Api } from '@onrush/e2e/api';
import { inParallel } from '@onrush/e2e/parallel';
import type { Buyer } from '@onrush/e2e/buyers';
import type { Address } from '../connection';
import type { Step } from '../stage';
import type { RehearsalOptions } from './program';

const readTries = 20;
const readAgainMs = 500;

/** Reads patiently: what is asked about the rush must not fail because the fleet is still busy with it. Throws when it never answers. */
export async function read<T>(api: Api, path: string, token?: string): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const answer = await api.call<T>(`GET ${path}`, { ...(token && { token }) }).catch(() => undefined);
    if (answer?.status === 200) return answer.data;
    const isBusy = !answer || answer.status >= 500 || answer.status === 429;
    if (!isBusy || tries === readTries)
      throw new Error(`GET ${path}: ${answer ? `${answer.status} ${answer.message}` : 'no answer'}`);
    await wait((answer?.retryAfterSeconds ?? 0) * 1_000 || readAgainMs);
  }
}

/** Who rehearses, and where. */
export interface Rehearsal {
  api: Api;
  at: Address;
  /** Of staff: plans, opens, counts and closes. */
  adminToken: string;
  /** Signs what the mock provider reports. */
  secret: string;
  step: Step;
}

/** What is rehearsed, and how its product stood before. */
export interface Planned {
  activityId: string;
  product: { id: string; name: string; stock: number };
}

const tokensAtOnce = 1_000;
const endsAfterMs = 1_800_000;

export async function plan(
  { api, adminToken: token }: Rehearsal,
  options: RehearsalOptions,
): Promise<Planned> {
  const product = await findProduct(api, options.product);
  const startsAt = new Date(Date.now() - 1_000);
  const { id } = await api.must<{ id: string }>('POST /api/v1/admin/seckill/activities', {
    token,
    body: {
      title: `Rehearsal ${startsAt.toISOString()}`,
      product_id: product.id,
      total: options.units,
      per_user_limit: 1,
      starts_at: startsAt.toISOString(),
      ends_at: new Date(startsAt.getTime() + endsAfterMs).toISOString(),
      payment_timeout_seconds: options.paymentSeconds,
      rehearsal: true,
    },
  });
  await api.must(`POST /api/v1/admin/seckill/warmup/${id}`, { token });
  return { activityId: id, product };
}

/** For good: what is left of it is rows that belong to nobody. */
export const close = async ({ api, adminToken: token }: Rehearsal, activityId: string): Promise<void> => {
  const body = { reason: 'the rehearsal is over' };
  await api.must(`POST /api/v1/admin/seckill/activities/${activityId}/close`, { token, body });
};

interface Product {
  id: string;
  name: string;
  status: string;
}

async function findProduct(api: Api, wanted: string | undefined): Promise<Planned['product']> {
  const product = wanted
    ? await read<Product>(api, `/api/v1/products/${wanted}`)
    : (await read<{ items: Product[] }>(api, '/api/v1/products?page_size=100')).items.find(
        ({ status }) => status === 'ON_SALE',
      );
  if (product?.status !== 'ON_SALE')
    throw new Error(
      wanted ? `product ${wanted} is not on sale` : 'no product is on sale, so none can be rehearsed',
    );
  return { id: product.id, name: product.name, stock: await stockOf(api, product.id) };
}

export const stockOf = async (api: Api, productId: string): Promise<number> =>
  (await read<{ stock: number }>(api, `/api/v1/products/${productId}/stock`)).stock;

/** Synthetic buyers, each of whom has opened the page before the sale begins. */
export async function gather(
  { api, adminToken: token }: Rehearsal,
  { count, activityId }: { count: number; activityId: string },
): Promise<Buyer[]> {
  const buyers: Buyer[] = [];
  while (buyers.length < count) {
    const users = Math.min(tokensAtOnce, count - buyers.length);
    const granted = await api.must<{ users: { id: string; access_token: string }[] }>(
      'POST /api/v1/admin/rehearsal/users',
      { token, body: { users, reason: `rehearsal ${activityId}` } },
    );
    for (const { id, access_token } of granted.users)
      buyers.push({ id, username: `synthetic-${id}`, accessToken: access_token });
  }
  await inParallel(buyers, 64, (buyer) => reservationsOf(api, activityId, buyer));
  return buyers;
}

export interface OwnReservation {
  id: string;
  order_no: string;
  status: string;
}

export const reservationsOf = async (api: Api, activityId: string, buyer: Buyer): Promise<OwnReservation[]> =>
  (
    await read<{ items: OwnReservation[] }>(
      api,
      `/api/v1/seckill/activities/${activityId}/reservations`,
      buyer.accessToken,
    )
  ).items;
