import { route, type Route } from '@onrush/chassis/http-routes';
import { listOf, pageQuery } from '@onrush/chassis/http-schemas';
import { z } from 'zod';
import { alertStatuses, type Alert } from '../domain/alert';
import { listAlerts } from '../use-cases/list-alerts';
import { recordAlerts, type RecordAlerts } from '../use-cases/record-alerts';

/** Who tells of alerts: it reaches the service itself, not by the gateway, which may be what the alert is about. */
export const alertmanager = 'alertmanager';

/** To the nanosecond, and before year 1 for "not yet". */
const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const texts = z.record(z.string(), z.string());

/**
 * What Alertmanager sends, version 4 (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config): what we use of it is checked, what
 * it has besides is left alone, since a newer one may have more.
 */
const reported = z
  .object({
    status: z.enum(alertStatuses),
    fingerprint: z.string().regex(/^[0-9a-f]{16}$/, 'expected 16 hexadecimal digits'),
    labels: z.object({ alertname: z.string().min(1) }).catchall(z.string()),
    annotations: texts,
    startsAt: instant.refine((at) => at.getTime() > 0, 'expected when it began'),
    endsAt: instant,
  })
  .refine(({ status, startsAt, endsAt }) => status === 'firing' || endsAt >= startsAt, {
    path: ['endsAt'],
    message: 'expected when it ended',
  });
const delivery = z.object({ version: z.literal('4'), alerts: z.array(reported).min(1) });

const alertView = z.object({
  id: z.string(),
  name: z.string(),
  severity: z.string(),
  status: z.enum(alertStatuses),
  summary: z.string(),
  description: z.string(),
  runbook_url: z.string(),
  labels: texts,
  starts_at: z.string(),
  ends_at: z.string().nullable(),
  received_at: z.string(),
  updated_at: z.string(),
});

export const alertWebhook = (deps: RecordAlerts): Route =>
  route(
    'POST /internal/alerts',
    {
      summary: 'Alertmanager tells of alerts',
      access: { program: alertmanager },
      body: delivery,
      reply: z.null(),
    },
    async ({ body }) => {
      await recordAlerts(deps, body.alerts);
      return null;
    },
  );

export const alertInbox = (deps: Pick<RecordAlerts, 'db'>): Route =>
  route(
    'GET /api/v1/admin/alerts',
    {
      summary: 'Alerts, newest first',
      access: { permission: 'alert.read' },
      query: z.strictObject({ ...pageQuery.shape, status: z.enum(alertStatuses).optional() }),
      reply: listOf(alertView),
    },
    async ({ query: { status, page, page_size } }) => {
      const { items, total } = await listAlerts(deps, { status, page, pageSize: page_size });
      return { items: items.map(toView), page, page_size, total };
    },
  );

const toView = (alert: Alert): z.input<typeof alertView> => ({
  id: alert.id,
  name: alert.name,
  severity: alert.severity,
  status: alert.status,
  summary: alert.summary,
  description: alert.description,
  runbook_url: alert.runbookUrl,
  labels: alert.labels,
  starts_at: alert.startsAt.toISOString(),
  ends_at: alert.endsAt?.toISOString() ?? null,
  received_at: alert.receivedAt.toISOString(),
  updated_at: alert.updatedAt.toISOString(),
});
