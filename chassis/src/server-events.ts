import type { ServerResponse } from 'node:http';
import type { AppError } from './errors';
import { StreamAnswer } from './http-routes';
import type { Component } from './lifecycle';
import type { Metrics } from './metrics';

/** One event of a stream (WHATWG HTML, "Server-sent events"). */
export interface ServerEvent {
  /** Comes back as `Last-Event-ID` when the client connects again. One line. */
  id: string;
  /** Sent as JSON, which has no line breaks. */
  data: unknown;
}

export interface EventStream {
  /** To a client that has left it changes nothing. */
  send(event: ServerEvent): void;
  end(): void;
}

/** The event streams of a process. It belongs behind the HTTP server in the start order, so that it ends them before the server waits for them. */
export interface EventStreams extends Component {
  /** Throws the refusal where there is no room for one more. */
  assertRoom(): void;
  /** The answer of a route: `follow` is called once the stream is open, and what it returns when it is over, whoever ended it. */
  open(follow: (stream: EventStream) => () => void): StreamAnswer;
}

export interface EventStreamsOptions {
  /** The most that are open at once. */
  limit: number;
  /** A comment this often keeps proxies from taking a quiet stream for a dead one. */
  heartbeatMs: number;
  /** After this long a stream ends, and a client that still wants it connects again. */
  longestMs: number;
  /** Thrown for each stream beyond the limit, and while the process stops. */
  refusal: () => AppError;
  metrics: Metrics;
}

/** A client that does not read is cut off here: what it is sent would be kept for it. */
const mostUnreadBytes = 65_536;

const head = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // nginx and its like would gather events until there are enough of them.
  'x-accel-buffering': 'no',
};

export function createEventStreams(options: EventStreamsOptions): EventStreams {
  const { limit, heartbeatMs, longestMs } = options;
  /** When each has to end, in milliseconds of performance.now(). */
  const open = new Map<ServerResponse, number>();
  let timer: NodeJS.Timeout | undefined;
  let isStopping = false;
  options.metrics.gauge('http_event_streams', 'Server-sent event streams that are open', [], {
    collect: (gauge) => gauge.set(open.size),
  });

  function assertRoom(): void {
    if (isStopping || open.size >= limit) throw options.refusal();
  }

  function begin(response: ServerResponse, follow: (stream: EventStream) => () => void): void {
    // The `close` of a client that has left is over: nothing would ever let go of it.
    if (response.destroyed) return;
    assertRoom();
    let unfollow = (): void => undefined;
    open.set(response, performance.now() + longestMs);
    response.once('close', () => {
      open.delete(response);
      unfollow();
    });
    response.writeHead(200, head);
    response.write(`retry: ${reconnectMs()}\n\n`);
    unfollow = follow({
      send: ({ id, data }) => write(response, `id: ${id}\ndata: ${JSON.stringify(data)}\n\n`),
      end: () => void response.end(),
    });
  }

  function beat(): void {
    const now = performance.now();
    for (const [response, until] of open) {
      if (now >= until) response.end();
      else write(response, ':\n\n');
    }
  }

  return {
    name: 'event streams',
    assertRoom,
    open: (follow) => new StreamAnswer((response) => begin(response, follow)),
    start: () => {
      timer = setInterval(beat, heartbeatMs);
      return Promise.resolve();
    },
    stop: () => {
      isStopping = true;
      clearInterval(timer);
      for (const response of open.keys()) response.end();
      return Promise.resolve();
    },
  };
}

/** To a client that connects again after the last event: 204 is how it is told to stay away. */
export const noMoreEvents = new StreamAnswer((response) => void response.writeHead(204).end());

function write(response: ServerResponse, text: string): void {
  if (response.writableEnded || response.destroyed) return;
  response.write(text);
  if (response.writableLength > mostUnreadBytes) response.destroy();
}

/** Those whose streams end together, because a process stops, do not come back together. */
const reconnectMs = (): number => 1_000 + Math.floor(Math.random() * 2_000);
