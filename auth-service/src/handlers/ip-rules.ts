import { route, type Route } from '@onrush/chassis/http-routes';
import { idText, listOf, pageQuery } from '@onrush/chassis/http-schemas';
import { z } from 'zod';
import { canonicalCidr, type IpRule } from '../domain/ip-rule';
import { addIpRule, listIpRules, removeIpRule, type IpRulesDeps } from '../use-cases/ip-rules';

const cidr = z
  .string()
  .max(64)
  .transform((text, context) => {
    const canonical = canonicalCidr(text);
    if (canonical !== undefined) return canonical;
    context.addIssue({ code: 'custom', message: 'expected an IPv4 or IPv6 address, or a CIDR' });
    return z.NEVER;
  });

const newRule = z.strictObject({
  action: z.enum(['block', 'allow']),
  cidr,
  reason: z.string().trim().max(255).default(''),
  expires_at: z.iso
    .datetime({ offset: true })
    .transform((text) => new Date(text))
    .refine((at) => at.getTime() > Date.now(), 'must be in the future')
    .refine((at) => at.getUTCFullYear() <= 9999, 'must be before the year 10000')
    .nullable()
    .default(null),
});

const view = z.object({
  id: z.string(),
  action: z.enum(['block', 'allow']),
  cidr: z.string(),
  reason: z.string(),
  expires_at: z.string().nullable(),
  created_by: z.string(),
  created_at: z.string(),
});

export const ipRuleRoutes = (deps: IpRulesDeps): Route[] => [
  route(
    'GET /api/v1/admin/ip-rules',
    {
      summary: 'IP rules, newest first; those that are over, too',
      access: { permission: 'security.read' },
      query: pageQuery,
      reply: listOf(view),
    },
    async ({ query: { page, page_size } }) => {
      const { items, total } = await listIpRules(deps, { page, pageSize: page_size });
      return { items: items.map(toView), page, page_size, total };
    },
  ),
  route(
    'POST /api/v1/admin/ip-rules',
    {
      summary: 'Block or allow an address or a network',
      access: { permission: 'security.write' },
      body: newRule,
      reply: view,
      status: 201,
    },
    async ({ body: { expires_at: expiresAt, ...rest }, user }) =>
      toView(await addIpRule(deps, { ...rest, expiresAt, createdBy: user.id })),
  ),
  route(
    'DELETE /api/v1/admin/ip-rules/:id',
    {
      summary: 'Remove an IP rule',
      access: { permission: 'security.write' },
      params: z.strictObject({ id: idText }),
      reply: z.null(),
    },
    async ({ params }) => {
      await removeIpRule(deps, params.id);
      return null;
    },
  ),
];

const toView = (rule: IpRule): z.input<typeof view> => ({
  id: rule.id,
  action: rule.action,
  cidr: rule.cidr,
  reason: rule.reason,
  expires_at: rule.expiresAt?.toISOString() ?? null,
  created_by: rule.createdBy,
  created_at: rule.createdAt.toISOString(),
});
