import { createEdge } from '@onrush/chassis/edge';
import { createFoundation } from '@onrush/chassis/foundation';
import type { App, Runtime } from '@onrush/chassis/service';
import type { Config } from './config';
import { errors } from './errors';
import { alertInbox, alertmanager, alertWebhook } from './handlers/alerts';
import { eventHandlers } from './handlers/events';
import { httpRoutes } from './handlers/http';

const service = 'notify-service';
/** A message may come some seconds later. What it tells of comes first, and needs the same processors and the same MySQL. */
const restFactor = 3;

export function createApp(config: Config, runtime: Runtime): App {
  const foundation = createFoundation(service, config, runtime, { errors });
  const deps = { ...foundation, logger: runtime.logger };
  const edge = createEdge({
    ...foundation,
    ...runtime,
    service,
    config,
    errors,
    routes: [...httpRoutes(deps), alertInbox(deps), alertWebhook(deps)],
    programs: { [alertmanager]: config.alertWebhookToken },
    grpc: [],
  });
  const consumer = foundation.broker.subscribe({ group: service, handlers: eventHandlers(deps), restFactor });
  return { components: [...foundation.components, consumer, ...edge.components], openApi: edge.openApi };
}
