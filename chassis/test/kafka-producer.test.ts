import { z } from 'zod';
import { createProducer, sendEvents } from '../src/kafka-producer';
import { newEvent } from '../src/message-broker';

describe('kafka producer', () => {
  const event = (bytes: number) =>
    newEvent({ type: 'a', version: 1, schema: z.unknown() }, 'k', 'x'.repeat(bytes));
  /** Producers that count the batches they send; each refuses its first one where the test says so. */
  const kafkaOf = (fails: boolean[]) => {
    const sent: number[] = [];
    const kafka = {
      producer: () => {
        const batches = sent.push(0) - 1;
        return {
          connect: () => Promise.resolve(),
          disconnect: () => Promise.resolve(),
          sendBatch: () => {
            if (fails.shift()) return Promise.reject(new Error('no answer'));
            sent[batches] = (sent[batches] ?? 0) + 1;
            return Promise.resolve();
          },
        };
      },
    };
    return { sent, producer: createProducer(kafka as never) };
  };

  test('after a batch that failed, the next one leaves with another producer', async () => {
    const { sent, producer } = kafkaOf([false, true]);
    await producer.connect();
    const topic = [{ topic: 'a', messages: [] }];

    const results = await Promise.allSettled([
      producer.send(topic),
      producer.send(topic),
      producer.send(topic),
    ]);

    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(sent).toEqual([1, 1]);
  });

  test('what is too much for one batch leaves in several', async () => {
    const { sent, producer } = kafkaOf([]);

    await sendEvents(
      producer,
      Array.from({ length: 10 }, () => event(300_000)),
      (type) => type,
    );

    expect(sent).toEqual([5]);
  });
});
