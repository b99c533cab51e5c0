import { trace } from '@opentelemetry/api';
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { newId } from './trace-settings';

/** Who a request acts for, as verified by the gateway. */
export interface User {
  id: string;
  username: string;
  roles: string[];
  permissions: string[];
  /** The log-in that the access token comes from. */
  sessionId?: string | undefined;
}

/** What travels with one request through a process, and on to the services it calls. */
export interface RequestContext {
  requestId: string;
  traceId: string;
  /** The calling service, from its verified internal token. */
  caller?: string;
  user?: User;
  /** Milliseconds since the epoch after which nobody waits for the answer. */
  deadline?: number;
}

const storage = new AsyncLocalStorage<RequestContext>();

export const currentContext = (): RequestContext | undefined => storage.getStore();

export const runInContext = <T>(context: RequestContext, work: () => T): T => storage.run(context, work);

const requestIdForm = /^[\w-]{8,64}$/;

/** The request id that was sent, if it has a form that is safe in logs and headers, else `otherwise`, a new one unless said. */
export const requestIdOf = (sent: string | string[] | undefined, otherwise?: string): string =>
  typeof sent === 'string' && requestIdForm.test(sent) ? sent : (otherwise ?? randomUUID());

const traceparentForm = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The trace id of the span that is active where requests are traced, else of a valid W3C `traceparent`, else a new one: a bad header restarts
 * the trace, it is never an error.
 */
export function traceIdOf(traceparent: string | undefined): string {
  const span = trace.getActiveSpan();
  if (span) return span.spanContext().traceId;
  const sent = traceparent === undefined ? undefined : traceparentForm.exec(traceparent)?.[1];
  return sent ?? newId(32);
}

/** The W3C header for what a request calls; a call of ours has no span of its own where nothing is traced. */
export const traceparentOf = ({ traceId }: RequestContext): string =>
  `00-${traceId}-${traceId.slice(0, 16)}-00`;

/** For work that has to be done whether or not somebody still waits for the answer. */
export function withoutDeadline<T>(work: () => T): T {
  const request = storage.getStore();
  if (!request) return work();
  const { deadline: _deadline, ...rest } = request;
  return storage.run(rest, work);
}

/** Milliseconds a call may still take: its own limit, or what is left of the request less the 20 ms the way back costs. */
export function remainingMs(limitMs: number): number {
  const deadline = currentContext()?.deadline;
  return deadline === undefined ? limitMs : Math.min(limitMs, deadline - Date.now() - 20);
}
