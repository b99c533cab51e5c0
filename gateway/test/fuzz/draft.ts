import type { Random } from '../random';

export interface Identity {
  id: string;
  token: string;
}

/** A request before it is bytes. Characters are bytes (Latin-1). */
export interface Draft {
  id: number;
  method: string;
  target: string;
  version: string;
  headers: [name: string, value: string][];
  framing: 'none' | 'length' | 'chunked';
  body: string;
  /** What may be seen upstream of it. */
  meant: {
    /** The only user it may be carried out as; undefined: nobody. */
    userId: string | undefined;
    /** Undefined where its framing leaves open what the body is. */
    body: string | undefined;
    /** A gateway that lets it through is wrong. */
    mayPass: boolean;
  };
  /** It has to be answered with success. */
  isClean: boolean;
  /** The connection may end with it, or what follows may be taken for a part of it. */
  isLast: boolean;
  /** The bytes, where a mutation has made them already. */
  bytes?: string;
}

/** A name for each request that no other can become by a changed byte: it carries its own checksum. */
export const markerOf = (id: number): string => `fz${id.toString(36).padStart(5, '0')}-${sumOf(id)}z`;
const sumOf = (id: number): string => (Math.imul(id + 1, 0x9e3779b1) >>> 0).toString(36).padStart(7, '0');

/** The request that a text names; undefined where it names none. */
export function idIn(text: string): number | undefined {
  const found = /fz([0-9a-z]{5,8})-([0-9a-z]{7})z/.exec(text);
  const id = Number.parseInt(found?.[1] ?? '', 36);
  return found && found[2] === sumOf(id) ? id : undefined;
}

const places = [
  { line: 'GET /api/v1/products', needsUser: false },
  { line: 'GET /api/v1/products/7', needsUser: false },
  { line: 'POST /api/v1/register', needsUser: false },
  { line: 'GET /api/v1/orders', needsUser: true },
  { line: 'POST /api/v1/orders/7/cancel', needsUser: true },
  { line: 'PUT /api/v1/user/profile', needsUser: true },
  { line: 'POST /api/v1/seckill/activities/77/buy', needsUser: true },
];

/** A request as an honest client sends it. */
export function cleanDraft(id: number, random: Random, users: Identity[]): Draft {
  const { line, needsUser } = random.pick(places);
  const [method = '', path = ''] = line.split(' ');
  const marker = markerOf(id);
  const user = needsUser ? random.pick(users) : undefined;
  const isPurchase = path.endsWith('/buy');
  const body =
    method === 'GET' ? '' : isPurchase ? '{"quantity":1}' : `{"filler":"${'x'.repeat(random.below(200))}"}`;
  const headers: Draft['headers'] = [
    ['Host', 'gateway'],
    ['X-Request-Id', marker],
    ['X-Fuzz', marker],
  ];
  if (user) headers.push(['Authorization', `Bearer ${user.token}`]);
  if (body) headers.push(['Content-Type', 'application/json']);
  if (method !== 'GET') headers.push(['Idempotency-Key', `"${marker}"`]);
  return {
    id,
    method,
    // The purchase is known by its path as a whole.
    target: isPurchase ? path : `${path}?fuzz=${marker}`,
    version: 'HTTP/1.1',
    headers,
    framing: body === '' ? 'none' : random.chance(0.5) ? 'length' : 'chunked',
    body,
    meant: { userId: user?.id, body, mayPass: true },
    isClean: true,
    isLast: false,
  };
}

export function bytesOf(draft: Draft): string {
  return draft.bytes ?? headOf(draft) + bodyOf(draft);
}

export function headOf(draft: Draft): string {
  const { method, target, version, headers, framing, body } = draft;
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  if (framing === 'length') lines.push(`Content-Length: ${body.length}\r\n`);
  if (framing === 'chunked') lines.push('Transfer-Encoding: chunked\r\n');
  return `${method} ${target} ${version}\r\n${lines.join('')}\r\n`;
}

/** Chunks of a third of the body each. */
function bodyOf({ framing, body }: Draft): string {
  if (framing !== 'chunked') return body;
  const size = Math.ceil(body.length / 3);
  let chunks = '';
  for (let at = 0; at < body.length; at += size) {
    const chunk = body.slice(at, at + size);
    chunks += `${chunk.length.toString(16)}\r\n${chunk}\r\n`;
  }
  return `${chunks}0\r\n\r\n`;
}
