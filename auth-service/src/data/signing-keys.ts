import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { exportJWK, generateKeyPair, importJWK, SignJWT, type CryptoKey, type JWK } from 'jose';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import { insertRows } from '@onrush/chassis/mysql';
import { seal, unseal } from '@onrush/chassis/sealed';

const rotateAfterMs = 30 * 86_400_000;
/** A new key is published for so long before it signs: every instance reads the table, and every gateway the keys, each minute. */
const publishedBeforeUseMs = 5 * 60_000;
/** An old key stays published for twice the life of what it signed. */
const publishedAfterUseMs = 2 * 600_000;
const reloadMs = 60_000;

interface Row {
  kid: string;
  public_jwk: string;
  sealed_private_jwk: string;
  created_at: Date;
}

export interface AccessClaims {
  userId: string;
  sessionId: string;
  username: string;
  roles: string[];
  permissions: string[];
}

/** The Ed25519 keys that sign access tokens: kept in MySQL, private parts sealed, replaced every 30 days. */
export interface SigningKeys extends Component {
  sign(claims: AccessClaims): Promise<string>;
  /** RFC 7517. */
  jwks(): { keys: JWK[] };
}

export function createSigningKeys(options: {
  db: DataSource;
  secret: string;
  lifeSeconds: number;
  logger: Logger;
  metrics: Metrics;
}): SigningKeys {
  const { db, lifeSeconds, logger } = options;
  const secret = Buffer.from(options.secret, 'base64');
  const created = options.metrics.gauge(
    'auth_signing_key_created_seconds',
    'When the key that signs access tokens was made, in seconds since 1970',
    [],
    { ofWorkers: 'max' },
  );
  let current: { kid: string; key: CryptoKey } | undefined;
  let published: JWK[] = [];
  let timer: NodeJS.Timeout | undefined;

  /** One process at a time, so that a fleet that starts at once makes one key. */
  async function load(): Promise<void> {
    const rows = await db.transaction(async (tx) => {
      await tx.query(`SELECT GET_LOCK(CONCAT(DATABASE(), '.signing_keys'), 10)`);
      try {
        const known = await tx.query<Row[]>(
          'SELECT kid, public_jwk, sealed_private_jwk, created_at FROM signing_keys ORDER BY created_at DESC, kid LIMIT 3',
        );
        const newest = known[0];
        if (newest && ageMs(newest) < rotateAfterMs) return known;
        const fresh = await createKey(secret);
        await insertRows(tx, 'signing_keys', {
          columns: ['kid', 'public_jwk', 'sealed_private_jwk', 'created_at'],
          rows: [[fresh.kid, fresh.public_jwk, fresh.sealed_private_jwk, fresh.created_at]],
        });
        logger.info('signing key created', { kid: fresh.kid });
        return [fresh, ...known];
      } finally {
        await tx.query(`SELECT RELEASE_LOCK(CONCAT(DATABASE(), '.signing_keys'))`);
      }
    });
    await adopt(rows);
  }

  async function adopt(rows: Row[]): Promise<void> {
    const signing = rows.find((row) => ageMs(row) >= publishedBeforeUseMs) ?? rows.at(-1);
    if (!signing) throw new Error('no signing key');
    const privateJwk = JSON.parse(unsealKey(signing.sealed_private_jwk, secret)) as JWK;
    current = { kid: signing.kid, key: (await importJWK(privateJwk, 'EdDSA')) as CryptoKey };
    created.set(signing.created_at.getTime() / 1_000);
    const isNewlySigning = ageMs(signing) - publishedBeforeUseMs < publishedAfterUseMs;
    const needed = isNewlySigning ? rows : rows.slice(0, rows.indexOf(signing) + 1);
    published = needed.map((row) => JSON.parse(row.public_jwk) as JWK);
  }

  return {
    name: 'signing keys',
    async start() {
      await load();
      timer = setInterval(
        () => void load().catch((error: unknown) => logger.warn('signing keys not reloaded', { error })),
        reloadMs,
      );
    },
    stop() {
      clearInterval(timer);
      return Promise.resolve();
    },
    jwks: () => ({ keys: published }),
    async sign({ userId, sessionId, username, roles, permissions }) {
      if (!current) throw new Error('the signing keys are not loaded');
      return new SignJWT({ sid: sessionId, username, roles, permissions })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: current.kid })
        .setIssuer('onrush')
        .setAudience('onrush-api')
        .setSubject(userId)
        .setJti(randomUUID())
        .setIssuedAt()
        .setExpirationTime(`${lifeSeconds}s`)
        .sign(current.key);
    },
  };
}

const ageMs = (row: Row): number => Date.now() - row.created_at.getTime();

async function createKey(secret: Buffer): Promise<Row> {
  const kid = randomUUID();
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), kid, alg: 'EdDSA', use: 'sig' };
  const sealed = seal(JSON.stringify(await exportJWK(privateKey)), secret);
  return { kid, public_jwk: JSON.stringify(publicJwk), sealed_private_jwk: sealed, created_at: new Date() };
}

function unsealKey(text: string, secret: Buffer): string {
  try {
    return unseal(text, secret);
  } catch (cause) {
    throw new Error(
      'the signing keys in this database were sealed with another KEY_ENCRYPTION_SECRET: give that one, or an empty schema',
      { cause },
    );
  }
}
