import type { OutgoingHttpHeaders } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { seconds, startInternalService, user, type InternalService } from './internal-service';
import { callGrpc as callRaw, frame } from './raw-grpc';
import { head, sendRaw } from './raw-socket';

let service: InternalService;
beforeAll(async () => {
  service = await startInternalService();
});
afterAll(() => service.stop());
beforeEach(() => service.forget());

const forge: InternalService['forge'] = (...token) => service.forge(...token);

const unsigned = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const none = () =>
  `${unsigned({ alg: 'none', typ: 'onrush-internal+jwt', kid: 'gateway' })}.${unsigned({ iss: 'gateway', aud: 'user-service', iat: seconds(), exp: seconds() + 60, user })}.`;

/** What is wrong with a token that the allowed caller's own would not have. */
const badTokens = (signer: string): [string, () => Promise<string> | string][] => [
  ['nothing', () => ''],
  ['garbage', () => 'garbage'],
  ['a token for another service', () => forge(signer, { aud: 'order-service' })],
  ['a token for nobody', () => forge(signer, { aud: undefined })],
  ['an expired token', () => forge(signer, { iat: seconds() - 120, exp: seconds() - 60 })],
  [
    'a token that lives longer than tokens do',
    () => forge(signer, { iat: seconds() - 600, exp: seconds() + 600 }),
  ],
  ['a token from the future', () => forge(signer, { iat: seconds() + 600, exp: seconds() + 660 })],
  ['a token without an end', () => forge(signer, { exp: undefined })],
  ['a user token', () => forge(signer, { aud: 'onrush-api', iss: 'onrush' }, { typ: 'at+jwt' })],
  ['a token of the type of users', () => forge(signer, {}, { typ: 'at+jwt' })],
  ['a token without a type', () => forge(signer, {}, { typ: undefined })],
  ['a token that names another service than its key', () => forge('notify-service', { iss: signer })],
  ['a token whose key is named as another', () => forge('notify-service', { iss: signer }, { kid: signer })],
  ['a token with an unknown key', () => forge(signer, {}, { kid: '../../etc/passwd' })],
  ['an unsigned token', none],
  ['a token with a user that is none', () => forge(signer, { user: { id: 471100815 } })],
];

describe('the HTTP port of a service, called directly', () => {
  const call = async (token: string, body: string | Buffer = '{}', ...headers: string[]) => {
    const start = head(
      'POST /api/v1/whoami',
      ...(token ? [`X-Internal-Token: ${token}`] : []),
      'X-User-Id: 471100815',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...headers,
    );
    return sendRaw(service.http.port(), Buffer.concat([Buffer.from(start), Buffer.from(body)]));
  };

  test.each(badTokens('gateway'))(
    'with %s is refused, and nothing is logged as that user',
    async (_name, make) => {
      const answer = await call(await make());

      expect(answer.status).toBe(401);
      expect(JSON.stringify(service.lines)).not.toContain('471100815');
      expect(service.bodies).toEqual([]);
    },
  );

  test('with the token of a service that has no business there is 403', async () => {
    expect((await call(await forge('notify-service'))).status).toBe(403);
    expect(JSON.stringify(service.lines)).not.toContain('471100815');
    expect(service.bodies).toEqual([]);
  });

  test('with the gateway’s token is answered as that token’s user, and not as the header says', async () => {
    const answer = await call(await forge('gateway', { user: { ...user, id: '5' } }));

    expect(answer).toMatchObject({ status: 200, body: expect.stringContaining('"data":"5"') });
    expect(service.lines.at(-1)).toMatchObject({ user_id: '5' });
  });

  test('a compressed body is 415, a large one 413, whatever it would unpack to', async () => {
    const token = await forge('gateway');

    const bomb = await call(token, gzipSync(Buffer.alloc(10_000_000, ' ')), 'Content-Encoding: gzip');
    const large = await call(token, `{"a":"${'x'.repeat(70_000)}"}`);

    expect([bomb.status, large.status]).toEqual([415, 413]);
    expect(service.bodies).toEqual([]);
  });
});

const getUser = '/onrush.user.v1.UserService/GetUser';
const callGrpc = (...[path, headers, message]: [string, OutgoingHttpHeaders, Buffer?]) =>
  callRaw(service.grpc.port(), path, headers, message);

describe('the gRPC port of a service, called directly', () => {
  test.each(badTokens('order-service'))('with %s is UNAUTHENTICATED', async (_name, make) => {
    const token = await make();

    const answer = await callGrpc(getUser, token ? { 'x-internal-token': token } : {});

    expect(answer.code).toBe(status.UNAUTHENTICATED);
    expect(service.deadlines).toEqual([]);
    expect(JSON.stringify(service.lines)).not.toContain('471100815');
  });

  test.each(['notify-service', 'gateway', 'payment-service', 'user-service'])(
    'by %s, which is not on the list of the method, is PERMISSION_DENIED',
    async (caller) => {
      const answer = await callGrpc(getUser, { 'x-internal-token': await forge(caller) });

      expect(answer.code).toBe(status.PERMISSION_DENIED);
      expect(service.deadlines).toEqual([]);
    },
  );

  test('with two tokens is served as nobody whose token is not valid', async () => {
    const own = await forge('order-service');

    const answer = await callGrpc(getUser, { 'x-internal-token': ['garbage', own] });

    expect(answer.code).toBe(status.UNAUTHENTICATED);
  });

  test.each([undefined, '99999999H', '1000S'])('with the time-out %p has ten seconds', async (timeout) => {
    const headers = {
      'x-internal-token': await forge('order-service'),
      ...(timeout && { 'grpc-timeout': timeout }),
    };

    expect((await callGrpc(getUser, headers)).code).toBe(status.OK);

    expect(service.deadlines[0]).toBeLessThanOrEqual(Date.now() + 10_000);
  });

  test.each(['garbage', '-1S', '1X', '0', '', 'NaN', '1e9S', '999999999999999999999S'])(
    'with the time-out %p is served within ten seconds, or refused',
    async (timeout) => {
      const answer = await callGrpc(getUser, {
        'x-internal-token': await forge('order-service'),
        'grpc-timeout': timeout,
      });

      const acceptable = [
        status.OK,
        status.INVALID_ARGUMENT,
        status.INTERNAL,
        status.OUT_OF_RANGE,
        status.DEADLINE_EXCEEDED,
      ];
      expect(acceptable).toContain(answer.code);
      for (const deadline of service.deadlines) expect(deadline).toBeLessThanOrEqual(Date.now() + 10_000);
    },
  );

  test('with more than 4 MiB is RESOURCE_EXHAUSTED, sent or unpacked', async () => {
    const headers = { 'x-internal-token': await forge('order-service') };
    const large = Buffer.alloc(5 * 1_048_576);

    const sent = await callGrpc(getUser, headers, frame(large));
    const packed = await callGrpc(
      getUser,
      { ...headers, 'grpc-encoding': 'gzip' },
      frame(gzipSync(large), 1),
    );

    expect([sent.code, packed.code]).toEqual([status.RESOURCE_EXHAUSTED, status.RESOURCE_EXHAUSTED]);
    expect(service.deadlines).toEqual([]);
  });

  test('with a flood of metadata is not served, and the next call is', async () => {
    const token = { 'x-internal-token': await forge('order-service') };
    const flood = Object.fromEntries(
      Array.from({ length: 400 }, (_, index) => [`x-${index}`, 'y'.repeat(200)]),
    );

    const flooded = await callGrpc(getUser, { ...token, ...flood });

    expect(flooded.code).not.toBe(status.OK);
    expect(service.deadlines).toEqual([]);
    expect((await callGrpc(getUser, token)).code).toBe(status.OK);
  });

  test.each([
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
    '/grpc.channelz.v1.Channelz/GetTopChannels',
    '/onrush.user.v1.UserService/NoSuchMethod',
    '/onrush.user.v1.UserService/VerifyCredentials',
    '/metrics',
    '//onrush.user.v1.UserService/GetUser',
    '/onrush.user.v1.UserService/getuser',
  ])('%s is UNIMPLEMENTED, also for a caller that may call', async (path) => {
    const answer = await callGrpc(path, { 'x-internal-token': await forge('order-service') });

    expect(answer.code).toBe(status.UNIMPLEMENTED);
    expect(service.deadlines).toEqual([]);
  });
});
