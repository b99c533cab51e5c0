import Consul from 'consul';
import type { z } from 'zod';
import type { Component } from './lifecycle';
import type { Logger } from './logger';

/** The keys of a configuration that may change while the service runs, read from Consul KV. */
export interface DynamicConfig<T> extends Component {
  current(): T;
  onChange(listener: (value: T) => void): void;
}

/**
 * Watches `onrush/config/<service>` in Consul KV: one JSON document. It is validated whole before it replaces anything;
 * a bad one keeps the old value, is logged with its problems, and counts in `onRejected`; without one `initial` holds.
 */
export function createDynamicConfig<S extends z.ZodType>(options: {
  consulHttpAddr: string;
  key: string;
  schema: S;
  initial: z.output<S>;
  logger: Logger;
  onRejected?: () => void;
}): DynamicConfig<z.output<S>> {
  const { key, schema, logger } = options;
  const [host = '127.0.0.1', port = '8500'] = options.consulHttpAddr.replace(/^https?:\/\//, '').split(':');
  const consul = new Consul({ host, port: Number(port) });
  const listeners: ((value: z.output<S>) => void)[] = [];
  let current = options.initial;
  let stop = () => undefined as unknown;

  function reject(problems: unknown): void {
    logger.warn('dynamic configuration refused, the old one stays', { key, problems });
    options.onRejected?.();
  }

  function accept(entry: { Value?: string | null } | undefined): void {
    if (!entry?.Value) {
      if (current !== options.initial) become(options.initial);
      return;
    }
    let value: unknown;
    try {
      value = JSON.parse(entry.Value);
    } catch {
      return reject('not JSON');
    }
    const parsed = schema.safeParse(value);
    if (!parsed.success)
      return reject(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
    become(parsed.data);
  }

  function become(value: z.output<S>): void {
    current = value;
    logger.info('dynamic configuration changed', { key });
    for (const listener of listeners) listener(current);
  }

  return {
    name: `dynamic configuration ${key}`,
    current: () => current,
    onChange: (listener) => void listeners.push(listener),
    start: () => {
      const watch = consul.watch({
        method: consul.kv.get.bind(consul.kv),
        options: { key, wait: '30s' },
        backoffMax: 5_000,
      });
      watch.on('change', accept);
      watch.on('error', (error: Error) => {
        // A key that nobody has set is the normal case.
        if (!/not found/i.test(error.message)) logger.warn('configuration watch failed', { key, error });
      });
      stop = () => watch.end();
      return Promise.resolve();
    },
    stop: () => {
      stop();
      consul.destroy();
      return Promise.resolve();
    },
  };
}
