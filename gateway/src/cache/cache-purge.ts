import { setTimeout as wait } from 'node:timers/promises';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import { on, type Consumer, type MessageBroker } from '@onrush/chassis/message-broker';
import { productChanged } from '@onrush/proto';
import { itemTag, listTag } from './cache-tags';
import type { ResponseCache } from './response-cache';

/** Of every answer that shows a list of products. */
export const productsTag = listTag('product');
/** Of every answer that shows this product. */
export const productTag = (productId: string): string => itemTag('product', productId);

const stopLimitMs = 2_000;

/**
 * Purges the cache of every gateway process when a product changes. Without Kafka the gateway starts and serves all the same: a cached
 * answer then ends by its time alone. The broker is this component's: started, again and again if need be, and stopped here.
 */
export function createCachePurge(deps: {
  broker: MessageBroker;
  cache: Pick<ResponseCache, 'purge' | 'purgeAll'>;
  logger: Logger;
  /** Between one try to reach Kafka and the next. */
  retryMs?: number;
}): Component {
  const { broker, cache, logger, retryMs = 2_000 } = deps;
  const stopping = new AbortController();
  let consumer: Consumer | undefined;
  let running = Promise.resolve();
  let isAway = false;

  const purgeChanged = on(productChanged, (events) => {
    for (const { payload } of events) cache.purge(productTag(payload.product_id));
    cache.purge(productsTag);
    return Promise.resolve();
  });

  const newConsumer = () =>
    broker.subscribe({ group: 'gateway-cache', broadcast: true, handlers: [purgeChanged] });
  /** Made before Kafka is there, so that its metrics are. */
  let unused: Consumer | undefined = newConsumer();

  async function untilDone(work: () => Promise<void>, undo: () => Promise<void>): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        return await work();
      } catch (error) {
        if (!isAway) logger.warn('cached answers are not purged, Kafka is away', { error });
        isAway = true;
        await undo().catch(() => undefined);
        await wait(retryMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
  }

  async function subscribe(): Promise<void> {
    consumer = unused ?? newConsumer();
    unused = undefined;
    await consumer.start();
  }

  async function listen(): Promise<void> {
    await untilDone(broker.start, broker.stop);
    await untilDone(subscribe, async () => consumer?.stop());
    if (stopping.signal.aborted) return;
    // What changed before this moment was told to nobody here.
    cache.purgeAll();
    if (isAway) logger.info('cached answers are purged again');
    isAway = false;
  }

  async function close(): Promise<void> {
    await running;
    await consumer
      ?.stop()
      .catch((error: unknown) => logger.debug('the group of the cache is left', { error }));
    await broker.stop();
  }

  return {
    name: 'cache purge',
    start() {
      running = listen();
      return Promise.resolve();
    },
    async stop() {
      stopping.abort();
      // A Kafka that is away must not hold up the gateway's end.
      const closed = close().catch((error: unknown) => logger.debug('Kafka was not left cleanly', { error }));
      await Promise.race([closed, wait(stopLimitMs, undefined, { ref: false })]);
    },
  };
}
