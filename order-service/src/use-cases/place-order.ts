import { createHash } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { AppError } from '@onrush/chassis/errors';
import type { Logger } from '@onrush/chassis/logger';
import { newEvent } from '@onrush/chassis/message-broker';
import { inTransaction } from '@onrush/chassis/mysql';
import { withoutDeadline } from '@onrush/chassis/request-context';
import type { Snowflake } from '@onrush/chassis/snowflake';
import { asAppError } from '@onrush/chassis/transient';
import { isOfRehearsal, orderCreated } from '@onrush/proto';
import type { Products, WantedItem } from '../clients/products';
import { orderRepository } from '../data/order-repository';
import { sagaRepository, type Saga } from '../data/saga-repository';
import { createOrder, type Order, type OrderItem } from '../domain/order';
import { orderEvent } from '../domain/order-event';
import { errors } from '../errors';
import type { AcceptReservations } from './accept-reservations';

export interface PlaceOrder extends AcceptReservations {
  db: DataSource;
  products: Products;
  ids: Snowflake;
  paymentTimeoutSeconds: number;
  logger: Logger;
}

export interface PlaceOrderRequest {
  userId: string;
  items: WantedItem[];
  idempotencyKey: string;
}

/**
 * An ordinary order is a saga: remember what we are about to do → reserve the stock → write the order, its event and the end of the saga in
 * one transaction. A failure releases the stock; a crash leaves a saga that the sweep ends. The same key again gets the same answer.
 */
export async function placeOrder(deps: PlaceOrder, request: PlaceOrderRequest): Promise<Order> {
  // Whoever only rehearses must not take real units out of the shop.
  if (isOfRehearsal(request.userId)) throw errors.permissionDenied({ meta: { userId: request.userId } });
  const began = new Date();
  const orderId = deps.ids.nextId();
  const requestHash = createHash('sha256').update(JSON.stringify(request.items)).digest('hex');
  const saga = { orderId, userId: request.userId, idempotencyKey: request.idempotencyKey, requestHash };
  if (!(await sagaRepository.begin(deps.db, saga))) return answerAgain(deps, request, requestHash);
  try {
    const items = await priced(deps.products, request.items);
    await deps.products.reserve(orderId, request.items);
    const order = await complete(deps, { orderId, userId: request.userId, items });
    deps.creationTimes.created('cart', began);
    return order;
  } catch (error) {
    await abort(deps, orderId, asAppError(error, errors));
    throw error;
  }
}

/** Prices and names are ours, never the client's. */
async function priced(products: Products, wanted: WantedItem[]): Promise<OrderItem[]> {
  const onSale = await products.findOnSale([...new Set(wanted.map((item) => item.productId))]);
  return wanted.map(({ productId, quantity }) => {
    const product = onSale.get(productId);
    if (!product) throw errors.productNotForSale({ meta: { productId } });
    return { productId, quantity, ...product };
  });
}

async function complete(
  deps: PlaceOrder,
  { orderId, userId, items }: { orderId: string; userId: string; items: OrderItem[] },
): Promise<Order> {
  const createdAt = new Date();
  const order = createOrder({
    id: orderId,
    userId,
    kind: 'ORDINARY',
    reservationId: null,
    activityId: null,
    items,
    createdAt,
    expiresAt: new Date(createdAt.getTime() + deps.paymentTimeoutSeconds * 1000),
  });
  await inTransaction(deps.db, async (tx) => {
    // The sweep may have given this saga up: then its stock is free again, and there must be no order.
    if (!(await sagaRepository.end(tx, orderId, { state: 'DONE', answer: JSON.stringify(order) })))
      throw errors.unavailable({ retryAfterSeconds: 1 });
    await orderRepository.insertNew(tx, [order]);
    await deps.outbox.add(tx, [newEvent(orderCreated, order.id, orderEvent(order, createdAt))]);
  });
  deps.outbox.wake();
  // The order stands; where its timer cannot be set, the sweep ends it in time.
  await deps.deadlines
    .note([order])
    .catch((error: unknown) => deps.logger.warn('timeout not scheduled', { orderId, error }));
  return order;
}

/** Ends the saga first, so that it cannot complete any more; then its stock is free to go. What fails here, the sweep does later. */
async function abort(deps: Pick<PlaceOrder, 'db' | 'products' | 'logger'>, orderId: string, error: AppError) {
  const { code, reason, status, message } = error;
  const answer = JSON.stringify({ code, reason, status, message });
  try {
    if (await sagaRepository.end(deps.db.manager, orderId, { state: 'ABORTING', answer }))
      await releaseStock(deps, orderId);
  } catch (cause) {
    deps.logger.warn('stock of an order that failed is not released yet', { orderId, error: cause });
  }
}

/** With time of its own: the request may have none left, which is why it failed. */
async function releaseStock({ db, products }: Pick<PlaceOrder, 'db' | 'products'>, orderId: string) {
  await withoutDeadline(() => products.release(orderId));
  await sagaRepository.markAborted(db, orderId);
}

async function answerAgain(
  { db }: PlaceOrder,
  request: PlaceOrderRequest,
  requestHash: string,
): Promise<Order> {
  const saga = await sagaRepository.findByKey(db, request.userId, request.idempotencyKey);
  if (!saga) throw errors.unavailable({ retryAfterSeconds: 1 });
  if (saga.requestHash !== requestHash) throw errors.idempotencyKeyReused();
  const answer = JSON.parse(saga.answer ?? 'null') as unknown;
  switch (saga.state) {
    case 'RESERVING':
      throw errors.requestInFlight({ retryAfterSeconds: 1 });
    case 'ABORTING':
    case 'ABORTED':
      throw new AppError(answer as ConstructorParameters<typeof AppError>[0]);
    case 'DONE':
      return revive(answer as Order);
  }
}

const revive = (order: Order): Order => ({
  ...order,
  createdAt: new Date(order.createdAt),
  expiresAt: new Date(order.expiresAt),
});

/** What a dead process left behind: its stock is released, and its client learns that nothing was ordered. */
export async function endStaleSaga(
  deps: Pick<PlaceOrder, 'db' | 'products' | 'logger'>,
  { state, orderId }: Saga,
): Promise<void> {
  if (state === 'ABORTING') await releaseStock(deps, orderId);
  else await abort(deps, orderId, errors.unavailable());
}
