import { Agent, get, type IncomingHttpHeaders } from 'node:http';
import type { User } from '../request-context';
import type { TestTokens } from './tokens';

/** A stream of server-sent events as a browser reads it, but that it does not come again by itself. */
export interface TestEventStream {
  status: number;
  headers: IncomingHttpHeaders;
  /** What is left to read where it is no stream. */
  text(): string;
  /** All events so far, growing as they come. */
  events: { id: string; data: unknown }[];
  comments(): number;
  isOver(): boolean;
  leave(): void;
}

/** Like the gateway's, its connections are kept where the other end keeps them. */
const agent = new Agent({ keepAlive: true });

/** Asks a service's HTTP port as the gateway does, for `path` and as that user. */
export async function openEventStream(options: {
  port: number;
  path: string;
  service: string;
  tokens: TestTokens;
  user?: User;
  headers?: Record<string, string>;
}): Promise<TestEventStream> {
  const { port, path, service, tokens, user } = options;
  const headers = {
    'x-internal-token': await tokens.of('gateway').issue(service, user),
    accept: 'text/event-stream',
    ...options.headers,
  };
  const events: TestEventStream['events'] = [];
  let comments = 0;
  let isOver = false;
  let text = '';
  let unread = '';
  const take = (block: string): void => {
    if (block.startsWith(':')) comments += 1;
    const { id, data } = fieldsOf(block);
    if (data !== undefined) events.push({ id: id ?? '', data: JSON.parse(data) as unknown });
  };
  return new Promise((resolve, reject) => {
    const request = get({ port, path, headers, agent }, (response) => {
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
        const blocks = (unread + piece).split('\n\n');
        unread = blocks.pop() ?? '';
        blocks.forEach(take);
      });
      response.on('close', () => (isOver = true));
      response.on('error', () => undefined);
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        text: () => text,
        events,
        comments: () => comments,
        isOver: () => isOver,
        leave: () => void response.destroy(),
      });
    });
    request.on('error', reject);
  });
}

const fieldsOf = (block: string): Record<string, string> =>
  Object.fromEntries(
    block
      .split('\n')
      .filter((line) => !line.startsWith(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
