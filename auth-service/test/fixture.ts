import type { ServiceFixture } from '@onrush/chassis/testing/service-fixture';
import { startServiceFixture } from '@onrush/chassis/testing/service-fixture';
import type { Instance } from '@onrush/chassis/discovery';
import { createApp } from '../src/app';
import type { Config } from '../src/config';
import { errors } from '../src/errors';
import { migrations } from '../src/migrations';

/** The service alone: nobody logs in here. */
export const startAuthService = (label: string): Promise<ServiceFixture<Config>> =>
  startServiceFixture<Config>({
    service: 'auth-service',
    label,
    createApp,
    migrations,
    errors,
    config: {
      keyEncryptionSecret: Buffer.alloc(32, 7).toString('base64'),
      accessTokenSeconds: 600,
      loginFailureLimit: 3,
    },
  });

export const instanceAt = (grpcPort: number): Instance => ({
  id: `auth-${grpcPort}`,
  service: 'auth-service',
  address: '127.0.0.1',
  httpPort: 0,
  grpcPort,
  version: '0.1.0',
  canary: false,
});

/** What has to reach a gateway has this long. */
export const within = { timeoutMs: 1_000 };
