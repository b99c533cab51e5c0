import { z } from 'zod';

/** A 64-bit id as it travels: decimal digits in a string. */
export const idText = z.string().regex(/^[1-9]\d{0,19}$/, 'expected an id: decimal digits');

/** `?page=1&page_size=20`, at most 100 a page. */
export const pageQuery = z.strictObject({
  page: z.coerce.number().int().min(1).max(100_000).default(1),
  page_size: z.coerce.number().int().min(1).max(100).default(20),
});

export const listOf = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item), page: z.int(), page_size: z.int(), total: z.int() });
