import { route, type Route } from '@onrush/chassis/http-routes';
import { idText, listOf, pageQuery } from '@onrush/chassis/http-schemas';
import { z } from 'zod';
import { errors } from '../errors';
import { adjustStock } from '../use-cases/adjust-stock';
import { createNewProduct, type CreateProduct } from '../use-cases/create-product';
import { findLiveStock, findProduct, listProducts } from '../use-cases/find-products';
import { updateProduct, type UpdateProduct } from '../use-cases/update-product';
import { productView, stockView, toProductView, toStockView } from './views';

const byId = z.strictObject({ id: idText });

const fields = {
  name: z.string().trim().min(1).max(200),
  description: z.string().max(10_000),
  category_id: idText.nullable(),
  kind: z.enum(['goods', 'ticket']),
  price: z.int().positive().max(10_000_000_000),
  images: z.array(z.url()).max(20),
  venue: z.string().max(200).nullable(),
  session_at: z.iso.datetime().nullable(),
  status: z.enum(['DRAFT', 'ON_SALE', 'OFF_SALE']),
};

const newProduct = z.strictObject({
  ...fields,
  stock: z.int().min(0).max(10_000_000),
  description: fields.description.default(''),
  category_id: fields.category_id.default(null),
  images: fields.images.default([]),
  venue: fields.venue.default(null),
  session_at: fields.session_at.default(null),
  status: fields.status.default('ON_SALE'),
});

/** Only what is sent changes; stock has its own route, with a reason. */
const productChange = z.strictObject({
  ...z.object(fields).partial().shape,
  version: z.int().positive().optional(),
});

/** The version that a change was made from: in the body, or in If-Match as a strong or bare tag (RFC 9110 §13.1.1). */
function versionRead(inBody: number | undefined, ifMatch: string | undefined): number {
  const version = inBody ?? Number(/^"?([1-9]\d{0,8})"?$/.exec(ifMatch ?? '')?.[1]);
  if (Number.isInteger(version)) return version;
  throw errors.invalidArgument({
    fields: [{ field: 'version', message: 'needed, here or in If-Match' }],
  });
}

const productFilter = z.strictObject({
  ...pageQuery.shape,
  keyword: z.string().trim().max(100).optional(),
  kind: z.enum(['goods', 'ticket']).optional(),
});

const reason = z.string().trim().min(1).max(64);
const stockChange = z.union([
  z.strictObject({ delta: z.int().min(-10_000_000).max(10_000_000), reason }),
  z.strictObject({ set: z.int().min(0).max(10_000_000), version: z.int().positive(), reason }),
]);

export function httpRoutes(deps: CreateProduct & UpdateProduct): Route[] {
  return [
    route(
      'GET /api/v1/products',
      { summary: 'Products on sale', access: 'public', query: productFilter, reply: listOf(productView) },
      async ({ query }) => {
        const { items, total } = await listProducts(deps, {
          ...query,
          pageSize: query.page_size,
          status: 'ON_SALE',
        });
        return { items: items.map(toProductView), page: query.page, page_size: query.page_size, total };
      },
    ),
    route(
      'GET /api/v1/products/:id',
      { summary: 'One product', access: 'public', params: byId, reply: productView },
      async ({ params }) => toProductView(await findProduct(deps, params.id)),
    ),
    route(
      'GET /api/v1/products/:id/stock',
      { summary: 'Live stock of a product', access: 'public', params: byId, reply: stockView },
      async ({ params }) => toStockView(await findLiveStock(deps, params.id)),
    ),
    route(
      'POST /api/v1/admin/products',
      {
        summary: 'Create a product',
        access: { permission: 'product.write' },
        body: newProduct,
        reply: productView,
        status: 201,
      },
      async ({ body: { category_id, session_at, ...body } }) => {
        const sessionAt = session_at === null ? null : new Date(session_at);
        return toProductView(await createNewProduct(deps, { ...body, categoryId: category_id, sessionAt }));
      },
    ),
    route(
      'PUT /api/v1/admin/products/:id',
      {
        summary: 'Change a product',
        access: { permission: 'product.write' },
        params: byId,
        body: productChange,
        reply: productView,
      },
      async ({ params, header, body: { version: inBody, category_id, session_at, ...body } }) => {
        const version = versionRead(inBody, header('if-match'));
        const change = {
          ...body,
          ...(category_id !== undefined && { categoryId: category_id }),
          ...(session_at !== undefined && { sessionAt: session_at === null ? null : new Date(session_at) }),
        };
        return toProductView(await updateProduct(deps, { id: params.id, version }, change));
      },
    ),
    route(
      'POST /api/v1/admin/products/:id/stock',
      {
        summary: 'Add or take stock, or set it',
        access: { permission: 'product.write' },
        params: byId,
        body: stockChange,
        reply: stockView,
      },
      async ({ params, body, user }) =>
        toStockView(await adjustStock(deps, { productId: params.id, ...body, by: user.id })),
    ),
  ];
}
