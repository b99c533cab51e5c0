import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { serviceDigits } from '../errors';
import { createInternalTokens, type InternalTokens } from '../internal-tokens';

export interface TestTokens {
  /** Tokens as that service would issue and verify them. */
  of(service: string): InternalTokens;
  /** The two key files a service's configuration names. */
  files(service: string): { internalJwks: string; internalPrivateKey: string };
}

/** Fresh keys for a whole fleet, as the local environment makes them. */
export function createTestTokens(): TestTokens {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'onrush-keys-'));
  const privateKeys = new Map<string, JsonWebKey>();
  const publicKeys: JsonWebKey[] = [];
  for (const service of Object.keys(serviceDigits)) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    privateKeys.set(service, { ...privateKey.export({ format: 'jwk' }), kid: service });
    publicKeys.push({ ...publicKey.export({ format: 'jwk' }), kid: service, alg: 'EdDSA' });
  }
  const jwks = { keys: publicKeys };
  const jwksFile = path.join(directory, 'internal-jwks.json');
  writeFileSync(jwksFile, JSON.stringify(jwks));

  const privateKeyOf = (service: string): JsonWebKey => {
    const key = privateKeys.get(service);
    if (!key) throw new Error(`no such service: ${service}`);
    return key;
  };

  return {
    of: (service) =>
      createInternalTokens({
        service,
        jwks: { keys: publicKeys },
        privateKey: privateKeyOf(service),
      }),
    files(service) {
      const file = path.join(directory, `${service}.jwk.json`);
      writeFileSync(file, JSON.stringify(privateKeyOf(service)), { mode: 0o600 });
      return { internalJwks: jwksFile, internalPrivateKey: file };
    },
  };
}
