import { startFixture, type Fixture } from './fixture';
import { connectRaw, head, sendRaw } from './raw-socket';
import { watchUpstream, type UpstreamWatch } from './refusals';

let fixture: Fixture;
let upstream: UpstreamWatch;
let bearer: string;
beforeAll(async () => {
  fixture = await startFixture('identity');
  upstream = watchUpstream(fixture);
  bearer = `Authorization: Bearer ${await fixture.accessToken()}`;
}, 60_000);
afterAll(() => fixture.stop());
beforeEach(() => upstream.forget());

const seenHeaders = () => fixture.upstream.seen[0]?.headers ?? {};
const callerSeen = () =>
  fixture.tokens.of('order-service').verify(String(seenHeaders()['x-internal-token'] ?? ''));

describe('whatever a client says of itself, an upstream sees the user of the verified token', () => {
  test.each([
    'X-User-Id',
    'x-user-id',
    'X-USER-ID',
    'X_User_Id',
    'x_user_id',
    'X-User_Id',
    'X.User.Id',
    'X-User-Roles',
    'X-User-Permissions',
    'X-User',
    'X-Username',
    'X-Internal-Token',
    'X_Internal_Token',
    'x-internal-user',
    'X-Internal-Anything',
    'X-Canary',
    'X_Canary',
    'X-Canary-Cohort',
    'X-Deadline-Ms',
    'Grpc-Timeout',
    'Grpc-Metadata-X-User-Id',
    'Forwarded',
    'X-Real-IP',
    'True-Client-IP',
    'X-Forwarded-User',
    'X-Forwarded-Prefix',
    'X-Original-URL',
    'Baggage',
    'Proxy-Authorization',
    'X!User!Id',
  ])('%s', async (name) => {
    const forged = `forged-${Math.random()}`;
    const answer = await sendRaw(
      fixture.port,
      head(
        'GET /api/v1/orders',
        `${name}: ${forged}`,
        bearer,
        `${name}: ${forged}`,
        `${name.toUpperCase()}: 1`,
      ),
    );

    expect(answer.status).toBe(200);
    expect(JSON.stringify(seenHeaders())).not.toContain(forged);
    expect((await callerSeen()).user).toEqual({
      id: '42',
      username: 'mei',
      roles: ['user'],
      permissions: [],
    });
  });

  test('also where nobody is logged in: then there is no user', async () => {
    await sendRaw(fixture.port, head('GET /api/v1/products', 'X-User-Id: 1', 'X-Internal-Token: x', bearer));

    const verified = await fixture.tokens
      .of('product-service')
      .verify(String(seenHeaders()['x-internal-token']));
    expect(verified).toEqual({ service: 'gateway' });
    expect(seenHeaders()).not.toHaveProperty('authorization');
  });

  test('also in a purchase: the user is the token’s', async () => {
    const answer = await sendRaw(
      fixture.port,
      head(
        'POST /api/v1/seckill/activities/77/buy',
        bearer,
        'X-User-Id: 1',
        'X-Internal-Token: x',
        'Content-Length: 0',
      ),
    );

    expect(answer.status).toBe(202);
    expect(fixture.seckill.batches.flat()).toMatchObject([{ userId: '42' }]);
  });

  test('the token of one request is nothing to the next on the same connection', async () => {
    const connection = await connectRaw(fixture.port);
    connection.send(head('GET /api/v1/orders', bearer) + head('GET /api/v1/orders'));

    expect((await connection.next()).status).toBe(200);
    expect((await connection.next()).status).toBe(401);
    connection.socket.destroy();
    expect(fixture.upstream.seen).toHaveLength(1);
  });
});

describe('a token between services is none of a user', () => {
  test('as a bearer it is refused, and so is that of another service', async () => {
    for (const service of ['gateway', 'order-service']) {
      const internal = await fixture.tokens
        .of(service)
        .issue('onrush-api', { id: '1', username: 'root', roles: ['admin'], permissions: ['*'] });
      const answer = await sendRaw(
        fixture.port,
        head('GET /api/v1/orders', `Authorization: Bearer ${internal}`),
      );

      expect(answer).toMatchObject({ status: 401, body: expect.stringContaining('"code":401001') });
    }
    expect(upstream.reached()).toBe(0);
  });

  test.each(['Basic', 'Bearer  ', 'Bearer\t', 'Token', ''])(
    'an access token behind %p is not one either',
    async (scheme) => {
      const token = bearer.slice('Authorization: Bearer '.length);

      const answer = await sendRaw(
        fixture.port,
        head('GET /api/v1/orders', `Authorization: ${scheme} ${token}`),
      );

      expect(answer.status).toBe(401);
      expect(upstream.reached()).toBe(0);
    },
  );

  test('an access token anywhere else is not read', async () => {
    const token = bearer.slice('Authorization: Bearer '.length);
    const answer = await sendRaw(
      fixture.port,
      head(
        `GET /api/v1/orders?access_token=${token}`,
        `Cookie: access_token=${token}`,
        `X-Access-Token: ${token}`,
      ),
    );

    expect(answer.status).toBe(401);
    expect(upstream.reached()).toBe(0);
  });
});

describe('where a request comes from', () => {
  test('is the peer of the connection, whatever the headers say', async () => {
    const addresses = Array.from({ length: 1_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    for (const claim of ['127.0.0.1', '::1', 'unknown', '" or 1=1', addresses.join(',')])
      await sendRaw(
        fixture.port,
        head(
          'GET /api/v1/products',
          `X-Forwarded-For: ${claim}`,
          `Forwarded: for=10.1.1.1`,
          'X-Real-IP: 10.1.1.1',
        ),
      );

    const seen = fixture.upstream.seen.map(({ headers }) => headers['x-forwarded-for']);
    expect(seen).toHaveLength(5);
    expect(new Set(seen)).toEqual(new Set([expect.stringMatching(/^(::ffff:)?127\.0\.0\.1$/)]));
  });

  test('does not change the limit of log-ins by a made-up address', async () => {
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 14; attempt += 1) {
      const claims = [`X-Forwarded-For: 10.9.9.${attempt}`, `Forwarded: for=10.9.9.${attempt}`];
      const login = head(
        'POST /api/v1/login',
        ...claims,
        'Content-Type: application/json',
        'Content-Length: 2',
      );
      statuses.push((await sendRaw(fixture.port, `${login}{}`)).status);
    }

    expect(statuses.slice(0, 8)).toEqual(Array.from({ length: 8 }, () => 200));
    expect(statuses.at(-1)).toBe(429);
  });

  test('is behind one trusted proxy what that proxy adds, and nothing further left', async () => {
    const behindProxy = await startFixture('onehop', { trustedHops: 1 });
    try {
      const statuses: number[] = [];
      for (let attempt = 0; attempt < 14; attempt += 1) {
        const claim = `X-Forwarded-For: 10.9.9.${attempt}, 203.0.113.7`;
        const login = head(
          'POST /api/v1/login',
          claim,
          'X-Forwarded-Proto: http, https',
          'Content-Type: application/json',
          'Content-Length: 2',
        );
        statuses.push((await sendRaw(behindProxy.port, `${login}{}`)).status);
      }

      expect(statuses.at(-1)).toBe(429);
      const { headers = {} } = behindProxy.upstream.seen[0] ?? {};
      expect(headers['x-forwarded-for']).toMatch(/203\.0\.113\.7$/);
      expect(headers['x-forwarded-proto']).toBe('https');
      expect(JSON.stringify(behindProxy.upstream.seen)).not.toContain('10.9.9.');
    } finally {
      await behindProxy.stop();
    }
  });
});

test('a header of an outsider chooses no canary', async () => {
  const { staticServices } = fixture.config;
  const [stable] = staticServices?.['product-service'] ?? [];
  if (!stable) throw new Error('the fixture has no upstream');
  const withCanary = { 'product-service': [stable, { ...stable, version: '9.9.9', canary: true }] };
  const other = await startFixture('canaryclaims', {}, withCanary);
  try {
    for (const claim of ['X-Canary: true', 'X-Canary: 1', 'X-Canary: 9.9.9', 'X_Canary: true'])
      for (let attempt = 0; attempt < 5; attempt += 1) {
        const answer = await sendRaw(other.port, head('GET /api/v1/products', claim));
        expect({ claim, version: answer.headers['x-served-version'] }).toEqual({ claim, version: '0.1.0' });
      }
  } finally {
    await other.stop();
  }
});

test.each([
  '/metrics',
  '/internal',
  '/internal/metrics',
  '/debug/pprof/',
  '/debug/vars',
  '/actuator/health',
  '/server-status',
  '/grpc.health.v1.Health/Check',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.channelz.v1.Channelz/GetTopChannels',
  '/onrush.user.v1.UserService/GetUser',
  '/.env',
  '/.git/config',
  '/api/v1/internal',
])('%s is not there for anybody outside', async (path) => {
  for (const method of ['GET', 'POST']) {
    const answer = await sendRaw(
      fixture.port,
      head(`${method} ${path}`, bearer, 'Content-Type: application/grpc', 'TE: trailers'),
    );

    expect(answer.status).toBe(404);
    expect(upstream.reached()).toBe(0);
  }
});
