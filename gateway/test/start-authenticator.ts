import { recordingLogger } from '@onrush/chassis/testing/logger';
import type { TestTokens } from '@onrush/chassis/testing/tokens';
import { createAccessKeys } from '../src/identity/access-keys';
import { createAuthenticator } from '../src/identity/authenticate';
import { createRevocations } from '../src/identity/revocations';
import { gatewayTo, type PlayedAuth } from './played-auth';

export interface AuthenticatorOptions {
  auths: PlayedAuth[];
  tokens: TestTokens;
  now?: () => number;
  refreshMs?: number;
  cacheLimit?: number;
}

/** The authenticator as the gateway wires it. */
export async function startAuthenticator(options: AuthenticatorOptions) {
  const { auths, tokens, now, refreshMs = 60_000, cacheLimit = 200_000 } = options;
  const { client, discovery, metrics, ...rest } = gatewayTo(
    auths.map(({ instance }) => instance),
    tokens,
  );
  const { logger, lines } = recordingLogger();
  const clock = now && { now };
  const revocations = createRevocations({ client, discovery, metrics, logger, ...clock });
  const keys = createAccessKeys({ discovery, tokens: rest.tokens, logger, refreshMs, ...clock });
  const authenticator = createAuthenticator({
    keys,
    revocations,
    metrics,
    ...clock,
    cacheLimit,
  });
  await revocations.start();
  await authenticator.start();
  return {
    authenticate: authenticator.authenticate,
    lines,
    /** The user's id, or the code of the refusal. */
    async ask(token: string) {
      try {
        return (await authenticator.authenticate(`Bearer ${token}`))?.id;
      } catch (error) {
        return (error as { code: number }).code;
      }
    },
    /** How many were refused for that reason. */
    refused: async (reason: string) =>
      (await metrics.registry.getSingleMetric('gateway_tokens_refused_total')?.get())?.values.find(
        ({ labels }) => labels['reason'] === reason,
      )?.value,
    async stop() {
      await authenticator.stop();
      await revocations.stop();
      await client.stop();
    },
  };
}
