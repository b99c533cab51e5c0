import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { startFixture } from './fixture';
import { startInternalService, type InternalService } from './internal-service';
import { callGrpc } from './raw-grpc';
import { head, sendRaw } from './raw-socket';

let service: InternalService;
beforeAll(async () => {
  service = await startInternalService();
});
afterAll(() => service.stop());
beforeEach(() => service.forget());

const getUser = '/onrush.user.v1.UserService/GetUser';

/** What proxies that end TLS say of a client's certificate, here by somebody who has none. */
const certificateHeaders: [string, string][] = [
  ['X-Forwarded-Client-Cert', 'By=spiffe://onrush/user-service;URI=spiffe://onrush/order-service;Hash=00'],
  ['Client-Cert', ':MIIB:'],
  ['Client-Cert-Chain', ':MIIB:, :MIIC:'],
  ['SSL-Client-Verify', 'SUCCESS'],
  ['SSL-Client-S-DN', 'CN=order-service'],
  ['X-SSL-Client-Verify', 'SUCCESS'],
  ['X-SSL-Client-CN', 'gateway'],
  ['X-SSL-Client-Cert', 'MIIB'],
  ['X-Client-Cert', 'MIIB'],
  ['X-Client-Verify', 'SUCCESS'],
  ['X-Client-DN', 'CN=gateway'],
  ['X-ARR-ClientCert', 'MIIB'],
  ['X-Amzn-Mtls-Clientcert-Subject', 'CN=gateway'],
  ['X-TLS-Client-Certificate', 'MIIB'],
  ['Cf-Client-Cert-Der-Base64', 'MIIB'],
];

describe('a certificate is nobody here: who calls is what the token says', () => {
  test.each(certificateHeaders)('%s makes nobody a caller, over HTTP and gRPC', async (name, value) => {
    const fields = { [name.toLowerCase()]: value, 'x-user-id': '471100815' };

    const overHttp = await sendRaw(
      service.http.port(),
      head('POST /api/v1/whoami', `${name}: ${value}`, 'X-User-Id: 471100815', 'Content-Length: 0'),
    );
    const overGrpc = await callGrpc(service.grpc.port(), getUser, fields);

    expect([overHttp.status, overGrpc.code]).toEqual([401, status.UNAUTHENTICATED]);
    expect([service.bodies, service.deadlines]).toEqual([[], []]);
    expect(JSON.stringify(service.lines)).not.toContain('471100815');
  });

  test('and beside a valid token it changes nothing', async () => {
    const [name, value] = certificateHeaders[0] ?? ['', ''];
    const token = await service.forge('notify-service');

    const answer = await callGrpc(service.grpc.port(), getUser, {
      'x-internal-token': token,
      [name.toLowerCase()]: value,
    });

    expect(answer.code).toBe(status.PERMISSION_DENIED);
  });

  test('no handshake with a certificate begins: the ports have no TLS, and no request comes out of it', async () => {
    for (const port of [service.http.port(), service.grpc.port()]) {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });

      await expect(once(socket, 'secureConnect')).rejects.toMatchObject({
        code: expect.stringMatching(/SSL|RESET/),
      });
      socket.destroy();
    }
    expect([service.bodies, service.deadlines]).toEqual([[], []]);
  });
});

test('what a client says of a certificate ends at the gateway', async () => {
  const fixture = await startFixture('certificates');
  try {
    const names = certificateHeaders.flatMap(([name]) => [name, name.replaceAll('-', '_')]);
    const forged = names.map((name) => `${name}: forged-certificate`);
    const answer = await sendRaw(fixture.port, head('GET /api/v1/products', ...forged));

    expect(answer.status).toBe(200);
    expect(JSON.stringify(fixture.upstream.seen)).not.toContain('forged-certificate');
  } finally {
    await fixture.stop();
  }
});
