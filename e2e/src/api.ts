import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';

export interface Answer<T = unknown> {
  status: number;
  code: number;
  message: string;
  data: T;
  retryAfterSeconds: number | undefined;
}

export interface CallOptions {
  token?: string;
  body?: unknown;
  rawBody?: string;
  headers?: Record<string, string>;
}

/** The public API, as any client sees it. `at` is `POST /path`. */
export interface Api {
  call<T = unknown>(at: string, options?: CallOptions): Promise<Answer<T>>;
  /** The `data` of a 2xx; waits where it is told to (429, 503), and throws on every other answer. */
  must<T>(at: string, options?: CallOptions): Promise<T>;
  close(): Promise<void>;
}

export function createApi(gatewayUrl: string, connections = 64): Api {
  const pool = new Pool(gatewayUrl, {
    connections,
    pipelining: 1,
    headersTimeout: 30_000,
    bodyTimeout: 30_000,
  });

  async function call<T>(at: string, options: CallOptions = {}): Promise<Answer<T>> {
    const [method = 'GET', path = '/'] = at.split(' ');
    const body = options.rawBody ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const response = await pool.request({
      method: method,
      path,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(options.token && { authorization: `Bearer ${options.token}` }),
        ...options.headers,
      },
      ...(body !== undefined && { body }),
    });
    const text = await response.body.text();
    const retryAfter = response.headers['retry-after'];
    const envelope = text.startsWith('{')
      ? (JSON.parse(text) as { code: number; message: string; data: T })
      : {
          code: response.statusCode === 200 ? 0 : response.statusCode * 1000,
          message: text,
          data: text as T,
        };
    return {
      ...envelope,
      status: response.statusCode,
      retryAfterSeconds: retryAfter === undefined ? undefined : Number(retryAfter),
    };
  }

  async function must<T>(at: string, options: CallOptions = {}): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await call<T>(at, options);
      if (answer.status < 300) return answer.data;
      if (answer.retryAfterSeconds === undefined || attempt >= 30)
        throw new Error(`${at}: ${answer.status} ${answer.code} ${answer.message}`);
      await wait(answer.retryAfterSeconds * 1_000);
    }
  }

  return { call, must, close: () => pool.close() };
}
