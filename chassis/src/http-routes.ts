import type { ServerResponse } from 'node:http';
import type { z } from 'zod';
import type { User } from './request-context';

export type Method = 'get' | 'post' | 'put' | 'delete';

/**
 * Who may call a route: anybody, a logged-in user, a user with this permission, a provider that signs the raw body; or, past the gateway, a program that
 * is none of ours, and has a token of its own.
 */
export type Access = 'public' | 'user' | 'signature' | { permission: string } | { program: string };

type Shape = z.ZodObject | undefined;
type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

export interface RouteSpec<
  P extends Shape,
  Q extends Shape,
  B extends z.ZodType | undefined,
  A extends Access,
> {
  summary: string;
  access: A;
  params?: P;
  query?: Q;
  body?: B;
  /** The `data` of a successful answer; for the document and the type checker. */
  reply: z.ZodType;
  /** 200 unless said otherwise. */
  status?: number;
  /** Hands the handler the body's bytes as they came, for signatures over them. */
  rawBody?: boolean;
  /**
   * Answers without the envelope: `text` for providers, `json` for documents of a standard form such as a JWKS, `events` for a stream of
   * server-sent events, of which `reply` is the data of each.
   */
  bare?: 'text' | 'json' | 'events';
  /** The request must carry an Idempotency-Key header. */
  idempotencyKey?: 'required' | 'accepted';
}

export interface RouteInput<P, Q, B, A> {
  params: P;
  query: Q;
  body: B;
  user: A extends 'public' | 'signature' | { program: string } ? User | undefined : User;
  /** The unquoted Idempotency-Key header, at most 255 characters. */
  idempotencyKey: string | undefined;
  rawBody: Buffer;
  header(name: string): string | undefined;
}

export interface Route {
  method: Method;
  /** Express form: `/api/v1/orders/:id`. */
  path: string;
  spec: RouteSpec<Shape, Shape, z.ZodType | undefined, Access>;
  handle(input: RouteInput<unknown, unknown, unknown, Access>): Promise<unknown>;
}

/** An answer with another status than the route's usual one. */
export class Reply<T = unknown> {
  constructor(
    readonly status: number,
    readonly data: T,
  ) {}
}

/** An answer that writes itself, head and all, as long as it likes. What it throws before its head is answered like any other error. */
export class StreamAnswer {
  constructor(readonly begin: (response: ServerResponse) => void) {}
}

/** One HTTP route: its contract (checked at the door, and published as OpenAPI) and what answers it. */
export function route<
  A extends Access,
  P extends Shape = undefined,
  Q extends Shape = undefined,
  B extends z.ZodType | undefined = undefined,
  R extends z.ZodType = z.ZodType,
>(
  at: `${Uppercase<Method>} /${string}`,
  spec: Omit<RouteSpec<P, Q, B, A>, 'reply'> & { reply: R },
  handle: (
    input: RouteInput<Parsed<P>, Parsed<Q>, Parsed<B>, A>,
  ) => Promise<z.input<R> | Reply<z.input<R>> | StreamAnswer>,
): Route {
  const [method = '', path = ''] = at.split(' ');
  return { method: method.toLowerCase() as Method, path, spec, handle: handle };
}
