import type { Draft } from './draft';
import type { Random } from '../random';

/** Changes a draft into something that an attacker, or a broken client, might send. */
export type Mutation = (draft: Draft, random: Random) => void;

/** What a client claims to be. Wherever it turns up upstream, the gateway has let a lie through. */
export const forged = 'forged-identity';

export const identityNames = [
  'x-user-id',
  'x-user-roles',
  'x-user-permissions',
  'x-user',
  'x-username',
  'x-internal-token',
  'x-internal-user',
  'x-canary',
  'x-forwarded-for',
  'x-forwarded-user',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'x-original-url',
  'x-deadline-ms',
  'forwarded',
  'baggage',
  'grpc-timeout',
  'grpc-metadata-user',
  'proxy-authorization',
  'true-client-ip',
];
const odd = [
  '',
  ' ',
  '\t',
  'é\xff',
  '{{7*7}}',
  '${jndi:ldap://a}',
  '%00%0d%0a',
  "' or 1=1 --",
  '\x80\xfe',
  'a,b;c="d"',
];
const traceparents = [
  '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
  'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  '00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01',
  '00-xyz',
  '',
];
const keys = ['', '"', '"\\"', 'k'.repeat(300), '"k k"', 'é', '"a", "b"', 'a b', '\\', '"\\x"'];

const oddCase = (name: string, random: Random): string =>
  Array.from(name, (letter) => (random.chance(0.5) ? letter.toUpperCase() : letter)).join('');
const oddSeparators = (name: string, random: Random): string =>
  name.replaceAll('-', () => random.pick(['-', '-', '_', '.', '~', '!']));

/** Somewhere among the headers, so that both the first and the last of two are tried. */
function insert(draft: Draft, random: Random, name: string, value: string): void {
  draft.headers.splice(random.below(draft.headers.length + 1), 0, [name, value]);
}

export const headerMutations: Record<string, Mutation> = {
  identity(draft, random) {
    for (let count = 1 + random.below(4); count > 0; count -= 1) {
      const name = oddCase(oddSeparators(random.pick(identityNames), random), random);
      insert(draft, random, name, random.chance(0.2) ? `127.0.0.1, ${forged}` : forged);
    }
  },
  repeated(draft, random) {
    const [name, value] = random.pick(draft.headers);
    insert(draft, random, oddCase(name, random), random.chance(0.5) ? value : random.pick(odd));
    draft.isClean = false;
    draft.isLast = true;
  },
  oddValue(draft, random) {
    insert(draft, random, `X-Odd-${random.below(9)}`, random.pick([...odd, 'x'.repeat(4_000)]));
  },
  hopByHop(draft, random) {
    const names = [
      'x-fuzz',
      'x-internal-token',
      'x-request-id',
      'traceparent',
      'x-forwarded-for',
      'content-type',
      'te',
    ];
    const named = Array.from({ length: 1 + random.below(4) }, () => oddCase(random.pick(names), random));
    insert(draft, random, 'Connection', named.join(random.pick([',', ', ', ' ,\t'])));
    insert(draft, random, random.pick(['Keep-Alive', 'TE', 'Trailer', 'Proxy-Connection']), 'trailers');
    draft.isClean = false;
  },
  upgrade(draft, random) {
    const to = random.pick(['h2c', 'websocket', 'TLS/1.3', 'HTTP/2.0', 'h2c, websocket']);
    draft.headers.push(
      ['Connection', 'Upgrade, HTTP2-Settings'],
      ['Upgrade', to],
      ['HTTP2-Settings', 'AAMAAABk'],
    );
    draft.isLast = true;
  },
  trace(draft, random) {
    insert(draft, random, 'traceparent', random.pick(traceparents));
    if (random.chance(0.5)) insert(draft, random, 'tracestate', random.pick([...odd, 'a='.repeat(1_000)]));
  },
  idempotencyKey(draft, random) {
    insert(draft, random, 'Idempotency-Key', random.pick(keys));
    draft.isClean = false;
    draft.isLast = true;
  },
  requestId(draft, random) {
    draft.headers = draft.headers.filter(([name]) => name !== 'X-Request-Id');
    insert(draft, random, 'X-Request-Id', random.pick([...odd, 'x'.repeat(5_000), 'short']));
  },
  contentType(draft, random) {
    draft.headers = draft.headers.filter(([name]) => name !== 'Content-Type');
    const types = [
      'text/plain',
      'application/json; charset=utf-7',
      'application/jsonp',
      '',
      'multipart/form-data',
    ];
    insert(draft, random, 'Content-Type', random.pick(types));
    draft.isClean = false;
  },
  encoding(draft, random) {
    insert(draft, random, 'Content-Encoding', random.pick(['gzip', 'br', 'identity', 'gzip, gzip', 'x']));
    draft.isClean = false;
  },
  accessToken(draft, random) {
    const token = takeToken(draft);
    if (token !== undefined) insert(draft, random, 'Authorization', bent(token, random));
  },
  noToken: (draft) => void takeToken(draft),
};

/** Takes the access token away: what is left may be carried out as nobody. */
function takeToken(draft: Draft): string | undefined {
  const isToken = ([name]: [string, string]) => name.toLowerCase() === 'authorization';
  const header = draft.headers.find((each) => isToken(each) && each[1].includes('.'))?.[1];
  if (header === undefined) return undefined;
  draft.headers = draft.headers.filter((each) => !isToken(each));
  Object.assign(draft, { isClean: false, meant: { ...draft.meant, userId: undefined, mayPass: false } });
  return header.slice('Bearer '.length);
}

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** None of these is a token that anybody signed. */
function bent(token: string, random: Random): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  const other = encoded({ ...claims, sub: '1', roles: ['admin'], permissions: ['*'] });
  const none = encoded({ alg: 'none', typ: 'at+jwt', kid: 'k1' });
  const hmac = encoded({ alg: 'HS256', typ: 'at+jwt', kid: 'k1' });
  return random.pick([
    `Bearer ${header}.${other}.${signature}`,
    `Bearer ${none}.${other}.`,
    `Bearer ${none}.${payload}.${signature}`,
    `Bearer ${hmac}.${other}.${signature}`,
    `Bearer ${header}.${payload}.${signature.slice(0, -4)}`,
    `Bearer ${header}.${payload}.${'A'.repeat(86)}`,
    `Bearer ${header}.${payload}`,
    `Bearer ${token}.${signature}`,
    `Bearer ${token} ${token}`,
    `Bearer ${token},${token}`,
    `Basic ${token}`,
    `Bearer ${'a'.repeat(6_000)}`,
    'Bearer',
    token,
  ]);
}
