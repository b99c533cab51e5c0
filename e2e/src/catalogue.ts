import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { Api } from './api';
import { inParallel } from './parallel';

const event = z.strictObject({
  name: z.string(),
  category: z.enum(['concert', 'theatre', 'opera', 'sport', 'comedy', 'dance', 'family']),
  city: z.string(),
  venue: z.string(),
  session_at: z.iso.datetime(),
  description: z.string(),
  /** Prices in fen. */
  tiers: z
    .array(z.strictObject({ name: z.string(), price: z.int().positive(), capacity: z.int().positive() }))
    .min(1),
});

export type CatalogueEvent = z.output<typeof event>;

/** The events of data/events.json: invented, and plausible. */
export const readCatalogue = (): CatalogueEvent[] =>
  z
    .array(event)
    .min(50)
    .parse(JSON.parse(readFileSync(path.join(__dirname, '..', 'data', 'events.json'), 'utf8')));

interface Product {
  id: string;
  name: string;
}

/** One product for each tier of each event; those that are there already are left alone. Returns how many were created. */
export async function loadCatalogue(api: Api, adminToken: string, events: CatalogueEvent[]): Promise<number> {
  const known = await productNames(api);
  const wanted = events.flatMap((each) =>
    each.tiers.map((tier) => ({
      name: `${each.name}: ${tier.name}`,
      description: each.description,
      kind: 'ticket',
      price: tier.price,
      stock: tier.capacity,
      venue: each.venue,
      session_at: each.session_at,
    })),
  );
  const missing = wanted.filter((product) => !known.has(product.name));
  await inParallel(missing, 8, (product) =>
    api.must('POST /api/v1/admin/products', { token: adminToken, body: product }),
  );
  return missing.length;
}

async function productNames(api: Api): Promise<Set<string>> {
  const names = new Set<string>();
  for (let page = 1; ; page += 1) {
    const { items } = await api.must<{ items: Product[] }>(`GET /api/v1/products?page=${page}&page_size=100`);
    for (const product of items) names.add(product.name);
    if (items.length < 100) return names;
  }
}
