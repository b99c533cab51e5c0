import type { Route } from '../http-routes';
import type { User } from '../request-context';
import type { Answer, TestHttpClient } from './service';

export interface BadRequest {
  name: string;
  status: number;
  send(): Promise<Answer>;
}

const oversized = JSON.stringify({ filler: 'x'.repeat(70_000) });

/** A value for each parameter of a path: an id that nothing has. */
const withUnknownId = (path: string): string => path.replace(/:\w+/g, '999999999999999999');
const withBadId = (path: string): string => path.replace(/:\w+/g, 'not-an-id');

/**
 * What every route has to refuse, whatever it does: nobody logged in, no permission, a malformed, oversized or unknown body, a wrong media type,
 * a bad id, a method that it has not.
 */
export function badRequestsOf(routes: Route[], http: TestHttpClient, user: User): BadRequest[] {
  const admin: User = { ...user, roles: ['admin'], permissions: ['*'] };
  const served = routes.filter((route) => !route.spec.rawBody);
  return served.flatMap((route) => {
    const at = (path: string) => `${route.method.toUpperCase()} ${path}`;
    const target = at(withUnknownId(route.path));
    const { access, body, params, idempotencyKey } = route.spec;
    const headers: Record<string, string> =
      idempotencyKey === 'required' ? { 'idempotency-key': 'a-key' } : {};
    const bad: BadRequest[] = [];
    const add = (name: string, status: number, send: () => Promise<Answer>) =>
      bad.push({ name: `${target}: ${name}`, status, send });
    if (access !== 'public')
      add('nobody logged in', 401, () => http.call(target, { ...(body && { body: {} }), headers }));
    if (typeof access === 'object' && 'permission' in access)
      add('no permission', 403, () => http.call(target, { user, ...(body && { body: {} }), headers }));
    if (body) {
      add('malformed JSON', 400, () => http.call(target, { user: admin, rawBody: '{"a":', headers }));
      add('unknown field', 400, () =>
        http.call(target, { user: admin, body: { no_such_field: 1 }, headers }),
      );
      add('an array', 400, () => http.call(target, { user: admin, rawBody: '[]', headers }));
      add('too large', 413, () => http.call(target, { user: admin, rawBody: oversized, headers }));
      add('not JSON', 415, () =>
        http.call(target, {
          user: admin,
          rawBody: 'a=1',
          headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
        }),
      );
    }
    if (params) {
      const sent = { user: admin, ...(body && { body: {} }), headers };
      add('a bad id', 400, () => http.call(at(withBadId(route.path)), sent));
    }
    if (idempotencyKey === 'required')
      add('no Idempotency-Key', 400, () => http.call(target, { user: admin, body: {} }));
    add('another method', 405, () => http.call(`PATCH ${withUnknownId(route.path)}`, { user: admin }));
    return bad;
  });
}

/** The envelope, the right status, a code that begins with it, and nothing of our insides. */
export function problemsWith({ status, body }: Answer, expected: number): string[] {
  const problems: string[] = [];
  if (status !== expected) problems.push(`status ${status} instead of ${expected}`);
  if (Math.floor(body.code / 1000) !== status) problems.push(`code ${body.code}`);
  if (body.data !== null) problems.push('data is not null');
  if (typeof body.message !== 'string' || body.message === '') problems.push('no message');
  if (!/^[0-9a-f]{32}$/.test(body.trace_id)) problems.push(`trace id ${body.trace_id}`);
  if (/\bat .*:\d+:\d+|node_modules|SELECT |ER_[A-Z]/.test(JSON.stringify(body)))
    problems.push('it tells of our insides');
  return problems;
}
