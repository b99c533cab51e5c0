import type { Fixture } from './fixture';
import { connectRaw, head, type RawAnswer, type RawConnection } from './raw-socket';

export interface UpstreamWatch {
  /** Heads of requests and purchases that came through, whether their bodies did or not. */
  reached(): number;
  forget(): void;
}

export function watchUpstream(fixture: Fixture): UpstreamWatch {
  let heads = 0;
  fixture.upstream.server.on('request', () => (heads += 1));
  return {
    reached: () => heads + fixture.seckill.batches.length,
    forget() {
      heads = 0;
      fixture.upstream.seen.length = 0;
      fixture.seckill.batches.length = 0;
    },
  };
}

/**
 * Sent on a new connection, and on one that has had an answer, the bytes are refused: that status in the envelope, the connection over, nothing of it
 * upstream.
 */
export async function refused(
  fixture: Fixture,
  upstream: UpstreamWatch,
  bytes: string,
  status: number,
): Promise<void> {
  await refusedOn(await connectRaw(fixture.port), upstream, bytes, status);
  await refusedOn(await connectWarm(fixture.port), upstream, bytes, status);
}

/** Its first request is not the next one: those that come later may be read by another reader. */
async function connectWarm(port: number): Promise<RawConnection> {
  const connection = await connectRaw(port);
  connection.send(head('GET /livez'));
  expect(await connection.next()).toMatchObject({ status: 200 });
  return connection;
}

async function refusedOn(
  connection: RawConnection,
  upstream: UpstreamWatch,
  bytes: string,
  status: number,
): Promise<void> {
  const before = connection.answers.length;
  connection.send(bytes);

  const answer = await connection.next();

  expect({ status: answer.status, code: Math.floor(codeOf(answer) / 1000) }).toEqual({
    status,
    code: status,
  });
  expect(JSON.parse(answer.body)).toMatchObject({
    data: null,
    trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
  expect(answer.headers['connection']).toBe('close');
  await connection.closed();
  expect(connection.answers).toHaveLength(before + 1);
  expect(upstream.reached()).toBe(0);
}

/** How often the gateway has refused for that reason. */
export async function countedFor(fixture: Fixture, reason: string): Promise<number> {
  const text = await fixture.metrics.registry.metrics();
  const line = new RegExp(`gateway_bad_requests_total\\{[^}]*reason="${reason}"[^}]*\\} (\\d+)`).exec(text);
  return Number(line?.[1] ?? 0);
}

export const codeOf = ({ body }: RawAnswer): number => (JSON.parse(body) as { code: number }).code;

/** The head of a request with a JSON body. */
export const post = (...headers: string[]): string =>
  head('POST /api/v1/register', 'Content-Type: application/json', ...headers);

export const chunked = (body: string): string => `${post('Transfer-Encoding: chunked')}${body}`;
