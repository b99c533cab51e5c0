import { createPrivateKey, randomBytes, sign, type JsonWebKey, type KeyObject } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import { unseal } from '@onrush/chassis/sealed';
import { createSnowflake } from '@onrush/chassis/snowflake';
import { schemaOf } from '@onrush/e2e/environment';
import type { Stage } from '../stage';

/** One of many people, all different: only a number and a token, since a hundred thousand log-ins take minutes. */
export interface CrowdBuyer {
  id: string;
  accessToken: string;
}

/** With it the benchmark reads the key that auth-service signs with. */
export const keyEncryptionSecret = randomBytes(32).toString('base64');

/** As long as a token of auth-service lives. */
const lifeSeconds = 600;
/** No service leases this number: ids made here meet no others. */
const ids = createSnowflake({ workerId: 1022 });

/** Access tokens as auth-service signs them, with its own key; the gateway cannot tell them from others. */
export async function signCrowd(stage: Stage, count: number): Promise<CrowdBuyer[]> {
  const { kid, key } = await signingKeyOf(stage);
  const header = base64({ alg: 'EdDSA', typ: 'at+jwt', kid });
  const now = Math.floor(Date.now() / 1_000);
  const signOne = (): CrowdBuyer => {
    const id = ids.nextId();
    const claims = base64({
      iss: 'onrush',
      aud: 'onrush-api',
      sub: id,
      jti: id,
      sid: id,
      iat: now,
      exp: now + lifeSeconds,
      username: `crowd-${id}`,
      roles: ['user'],
      permissions: [],
    });
    const signed = `${header}.${claims}`;
    const signature = sign(null, Buffer.from(signed), key).toString('base64url');
    return { id, accessToken: `${signed}.${signature}` };
  };
  const crowd: CrowdBuyer[] = [];
  while (crowd.length < count) {
    crowd.push(signOne());
    // The clients of this process live on meanwhile: a server may close what they keep open.
    if (crowd.length % 1_000 === 0) await setImmediate();
  }
  return crowd;
}

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

async function signingKeyOf({ servers, namespace }: Stage): Promise<{ kid: string; key: KeyObject }> {
  const connection = await mysql.createConnection(servers.MYSQL_ADMIN_URL);
  try {
    const [rows] = await connection.query<mysql.RowDataPacket[]>(
      `SELECT kid, sealed_private_jwk FROM ${schemaOf(namespace, 'auth')}.signing_keys`,
    );
    const [row, another] = rows;
    if (!row || another) throw new Error(`auth-service has ${rows.length} signing keys, not one`);
    const text = unseal(String(row['sealed_private_jwk']), Buffer.from(keyEncryptionSecret, 'base64'));
    const jwk = JSON.parse(text) as JsonWebKey;
    return { kid: String(row['kid']), key: createPrivateKey({ key: jwk, format: 'jwk' }) };
  } finally {
    await connection.end();
  }
}
