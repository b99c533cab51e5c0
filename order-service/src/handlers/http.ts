import { route, type Route } from '@onrush/chassis/http-routes';
import { idText, listOf, pageQuery } from '@onrush/chassis/http-schemas';
import { z } from 'zod';
import type { Payments } from '../clients/payments';
import { cancelOwnOrder } from '../use-cases/cancel-order';
import { findOwnOrder, listOrders } from '../use-cases/find-orders';
import { payOrder } from '../use-cases/pay-order';
import { placeOrder, type PlaceOrder } from '../use-cases/place-order';
import { orderView, paymentView, statusName, toOrderView, toPaymentView } from './views';

const byId = z.strictObject({ id: idText });
const filter = z.strictObject({ ...pageQuery.shape, status: statusName.optional() });

const wantedOrder = z.strictObject({
  items: z
    .array(z.strictObject({ product_id: idText, quantity: z.int().min(1).max(1000) }))
    .min(1)
    .max(50),
});

const wantedPayment = z.strictObject({ channel: z.enum(['mock', 'alipay', 'wechat']).default('mock') });

export function httpRoutes(deps: PlaceOrder & { payments: Payments }): Route[] {
  return [
    route(
      'POST /api/v1/orders',
      {
        summary: 'Place an order',
        access: 'user',
        body: wantedOrder,
        reply: orderView,
        status: 201,
        idempotencyKey: 'required',
      },
      async ({ body, user, idempotencyKey = '' }) => {
        const items = body.items.map(({ product_id, quantity }) => ({ productId: product_id, quantity }));
        const order = await placeOrder(deps, { userId: user.id, items, idempotencyKey });
        const created = { from: null, to: order.status, at: order.createdAt, by: `user:${user.id}` };
        return toOrderView({ order, history: [created] });
      },
    ),
    route(
      'GET /api/v1/orders',
      { summary: 'My orders, newest first', access: 'user', query: filter, reply: listOf(orderView) },
      async ({ query: { page, page_size, status }, user }) => {
        const { items, total } = await listOrders(deps, {
          userId: user.id,
          status,
          page,
          pageSize: page_size,
        });
        return { items: items.map(toOrderView), page, page_size, total };
      },
    ),
    route(
      'GET /api/v1/orders/:id',
      { summary: 'One of my orders', access: 'user', params: byId, reply: orderView },
      async ({ params, user }) => toOrderView(await findOwnOrder(deps, params.id, user.id)),
    ),
    route(
      'POST /api/v1/orders/:id/cancel',
      { summary: 'Cancel an unpaid order', access: 'user', params: byId, reply: orderView },
      async ({ params, user }) => {
        await cancelOwnOrder(deps, params.id, user.id);
        return toOrderView(await findOwnOrder(deps, params.id, user.id));
      },
    ),
    route(
      'POST /api/v1/orders/:id/pay',
      {
        summary: 'Start the payment of an order',
        access: 'user',
        params: byId,
        body: wantedPayment,
        reply: paymentView,
        status: 201,
        idempotencyKey: 'required',
      },
      async ({ params, body, user }) =>
        toPaymentView(await payOrder(deps, { orderId: params.id, userId: user.id, channel: body.channel })),
    ),
    route(
      'GET /api/v1/admin/orders',
      {
        summary: 'All orders',
        access: { permission: 'order.read' },
        query: filter,
        reply: listOf(orderView),
      },
      async ({ query: { page, page_size, status } }) => {
        const { items, total } = await listOrders(deps, { status, page, pageSize: page_size });
        return { items: items.map(toOrderView), page, page_size, total };
      },
    ),
  ];
}
