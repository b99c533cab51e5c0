import type { Worker } from 'node:cluster';
import { AggregatorRegistry, type Registry } from 'prom-client';
import type { Logger } from './logger';

type MetricsJson = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

const question = 'chassis:metrics?';
const answer = 'chassis:metrics';
const counting = ['counter', 'histogram'];

/** In a worker: sends the primary what it asks for. */
export function answerMetrics({ registry, logger }: { registry: Registry; logger: Logger }): void {
  const send = (metrics: MetricsJson) =>
    process.send?.({ type: answer, metrics }, undefined, undefined, () => undefined);
  process.on('message', (message: { type?: string }) => {
    if (message.type !== question) return;
    registry
      .getMetricsAsJSON()
      .then(send, (error: unknown) => logger.warn('metrics not collected', { error }));
  });
}

/**
 * In the primary: its own metrics and those of all workers as one page, added up by prom-client's rules for clusters. Its own way of asking
 * is not used: there, a worker that dies or hangs fails the scrape. Here the last answer stands in, and what a worker that is gone has
 * counted stays in the sums: `rate()` takes one that falls for a restart, and counts all of it again.
 */
export function createWorkerMetrics(options: {
  own: Registry;
  workers: () => Worker[];
  /** How long a worker may take to answer. */
  limitMs?: number;
}): { contentType: string; metrics(): Promise<string> } {
  const { own, workers, limitMs = 1_000 } = options;
  const answers = new Map<Worker, MetricsJson>();
  const ofTheGone: MetricsJson[] = [];
  let gathering: Promise<string> | undefined;

  function remember(worker: Worker, metrics: MetricsJson): void {
    if (!answers.has(worker))
      worker.once('exit', () => {
        ofTheGone.push(countsOf(answers.get(worker) ?? []));
        answers.delete(worker);
      });
    answers.set(worker, metrics);
  }

  function ask(worker: Worker): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(limit);
        worker.off('message', heard).off('exit', done);
        resolve();
      };
      const heard = (message: { type?: string; metrics?: MetricsJson }) => {
        if (message.type !== answer || !message.metrics) return;
        remember(worker, message.metrics);
        done();
      };
      const limit = setTimeout(done, limitMs);
      worker.on('message', heard).once('exit', done);
      worker.send({ type: question }, (error) => error && done());
    });
  }

  async function gather(): Promise<string> {
    await Promise.all(workers().map(ask));
    const gone = await AggregatorRegistry.aggregate(ofTheGone.splice(0)).getMetricsAsJSON();
    ofTheGone.unshift(gone);
    return AggregatorRegistry.aggregate([
      await own.getMetricsAsJSON(),
      ...ofTheGone,
      ...answers.values(),
    ]).metrics();
  }

  return {
    contentType: own.contentType,
    metrics() {
      gathering ??= gather().finally(() => (gathering = undefined));
      return gathering;
    },
  };
}

const countsOf = (metrics: MetricsJson): MetricsJson =>
  metrics.filter(({ type }) => counting.includes(String(type)));
