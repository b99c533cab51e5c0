import type { IncomingMessage } from 'node:http';
import type { BuyRequest__Output } from '@onrush/proto/gen/onrush/seckill/v1/BuyRequest';
import type { Fixture } from '../fixture';
import { idIn, type Draft } from './draft';
import { forged, identityNames } from './header-mutations';
import { smuggled } from './message-mutations';

export interface UpstreamOracle {
  /** What is wrong with what came through, in words; empty while all is well. */
  violations: string[];
  /** Requests and purchases that came through. */
  passed(): number;
}

const services: [start: string, service: string][] = [
  ['/api/v1/products', 'product-service'],
  ['/api/v1/register', 'user-service'],
  ['/api/v1/user/', 'user-service'],
  ['/api/v1/orders', 'order-service'],
];

/**
 * Plays the upstreams, checks all that comes through the gateway, and answers with the request's number. `sent` knows what was meant by a
 * request until its connection is over.
 */
export function watchUpstream(fixture: Fixture, sent: Map<number, Draft>): UpstreamOracle {
  const violations: string[] = [];
  const seenIds = new Set<number>();
  const tokens = new Map(services.map(([, service]) => [service, fixture.tokens.of(service)]));
  let passed = 0;

  function check({ id, userId, body, tell }: Arrival): void {
    passed += 1;
    const fail = (why: string) => violations.push(`${why}: ${tell()}`);
    const draft = id === undefined ? undefined : sent.get(id);
    if (id === undefined || !draft) return;
    if (seenIds.has(id)) fail('one request came through twice');
    seenIds.add(id);
    const { meant } = draft;
    if (!meant.mayPass) fail('a request came through that had to be refused');
    if (userId !== meant.userId) fail(`came through as ${userId}, not as ${meant.userId}`);
    if (body !== undefined && meant.body !== undefined && body !== meant.body)
      fail(`with the body ${JSON.stringify(body)} instead of ${JSON.stringify(meant.body)}`);
  }

  function checkHead({ url = '', rawHeaders }: IncomingMessage, tell: () => string): void {
    if (url.includes(smuggled)) violations.push(`a request inside a request came through: ${tell()}`);
    for (let index = 0; index < rawHeaders.length; index += 2) {
      if (!rawHeaders[index + 1]?.includes(forged)) continue;
      // In any spelling of a name that we know, the lie counts; a name that a changed byte made is nobody's.
      const name = (rawHeaders[index] ?? '').toLowerCase().replace(/[^a-z]/g, '-');
      if (identityNames.includes(name)) violations.push(`a forged identity came through: ${tell()}`);
    }
  }

  async function userOf(request: IncomingMessage): Promise<string | undefined> {
    const { url = '', headers } = request;
    const service = services.find(([start]) => url.startsWith(start))?.[1] ?? '';
    const caller = await tokens.get(service)?.verify(String(headers['x-internal-token']));
    if (caller?.service !== 'gateway') throw new Error('not signed by the gateway');
    return caller.user?.id;
  }

  fixture.upstream.answer = (request, response) => {
    const { body = '' } = fixture.upstream.seen.pop() ?? {};
    const { method, url = '', rawHeaders } = request;
    const id = idIn(url) ?? idIn(String(request.headers['x-fuzz'] ?? ''));
    const tell = () => JSON.stringify({ method, url, rawHeaders });
    checkHead(request, tell);
    userOf(request)
      .then((userId) => check({ id, userId, body, tell }))
      .catch((error: unknown) => violations.push(`no identity of ours (${String(error)}): ${tell()}`))
      .finally(() => {
        response.setHeader('content-type', 'application/json');
        response.end(`{"code":0,"message":"success","data":{"id":${id ?? null}},"trace_id":"t"}`);
      });
  };
  fixture.seckill.decide = (purchase: BuyRequest__Output) => {
    fixture.seckill.batches.length = 0;
    const id = idIn(purchase.idempotencyKey);
    check({ id, userId: String(purchase.userId), tell: () => JSON.stringify(purchase) });
    return { orderNo: String(id ?? 0), reservationId: '1' };
  };
  return { violations, passed: () => passed };
}

interface Arrival {
  id: number | undefined;
  userId: string | undefined;
  body?: string;
  tell: () => string;
}
