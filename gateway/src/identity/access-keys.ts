import { setTimeout as wait } from 'node:timers/promises';
import { importJWK, type CryptoKey } from 'jose';
import { z } from 'zod';
import { httpOriginOf, type Discovery, type Instance } from '@onrush/chassis/discovery';
import { internalTokenHeader, type InternalTokens } from '@onrush/chassis/internal-tokens';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';

/** One of auth-service's keys; the same object for as long as it is published. */
export interface AccessKey {
  kid: string;
  /** The public part, base64url (RFC 8037). */
  x: string;
  key: CryptoKey;
}

/** The published keys of auth-service (RFC 7517): Ed25519 alone, whatever else stands there. */
export interface AccessKeys extends Component {
  find(kid: string): AccessKey | undefined;
  /** Asks auth-service for a key that is not known, at most every 30 s, whoever asks and however many at once. */
  fetch(kid: string): Promise<AccessKey | undefined>;
  /** Calls back when keys are gone, so that nothing they signed is believed any longer. */
  onRemoved(listener: () => void): void;
}

const service = 'auth-service';
/** A flood of unknown key ids must not become a flood of requests. */
const askAgainMs = 30_000;
/** Well below the five minutes for which auth-service publishes a key before it signs. */
const defaultRefreshMs = 60_000;
const startLimitMs = 30_000;
const fetchTimeoutMs = 1_000;
const mostInstances = 3;
const mostKeys = 16;

const published = z.object({ keys: z.array(z.unknown()).max(mostKeys) });
const ed25519 = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  alg: z.literal('EdDSA').optional(),
  use: z.literal('sig').optional(),
  kid: z.string().min(1).max(128),
  x: z.string().regex(/^[\w-]{43}$/),
});

export function createAccessKeys(options: {
  discovery: Discovery;
  tokens: InternalTokens;
  logger: Logger;
  now?: () => number;
  refreshMs?: number;
}): AccessKeys {
  const { discovery, tokens, logger, now = Date.now, refreshMs = defaultRefreshMs } = options;
  const listeners: (() => void)[] = [];
  let keys = new Map<string, AccessKey>();
  let fetching: Promise<void> | undefined;
  let askedAt = -Infinity;
  let isLost = false;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;

  /** One at a time; those that come meanwhile wait for it. The last good keys stay when it fails. */
  function refresh(): Promise<void> {
    fetching ??= fetchFromAny()
      .then(
        () => report(undefined),
        (error: unknown) => report(error),
      )
      .finally(() => (fetching = undefined));
    return fetching;
  }

  async function fetchFromAny(): Promise<void> {
    const instances = shuffled(discovery.instances(service)).slice(0, mostInstances);
    let failure: unknown = new Error(`no instance of ${service} is known`);
    for (const instance of instances) {
      try {
        return await adopt(await fetchFrom(instance));
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async function fetchFrom(instance: Instance): Promise<unknown> {
    const response = await fetch(`${httpOriginOf(instance)}/.well-known/jwks.json`, {
      headers: { [internalTokenHeader]: await tokens.issue(service) },
      redirect: 'error',
      signal: AbortSignal.timeout(fetchTimeoutMs),
    });
    if (!response.ok) throw new Error(`auth-service answered ${response.status} for its keys`);
    return response.json();
  }

  async function adopt(document: unknown): Promise<void> {
    const fresh = new Map<string, AccessKey>();
    for (const entry of published.parse(document).keys) {
      const parsed = ed25519.safeParse(entry);
      if (!parsed.success) continue;
      const { kid, x } = parsed.data;
      const known = keys.get(kid);
      const key =
        known?.x === x ? known : { kid, x, key: await importJWK({ kty: 'OKP', crv: 'Ed25519', x }, 'EdDSA') };
      fresh.set(kid, key);
    }
    if (fresh.size === 0) throw new Error('auth-service publishes no key that we can use');
    const before = keys;
    keys = fresh;
    const isAnyGone = [...before.values()].some((key) => fresh.get(key.kid) !== key);
    if (isAnyGone) for (const listener of listeners) listener();
  }

  function report(error: unknown): void {
    const isNews = isLost !== (error !== undefined);
    isLost = error !== undefined;
    if (!isNews) return;
    if (error === undefined) logger.info('keys of auth-service fetched again');
    else logger.warn('keys of auth-service not fetched', { error });
  }

  function refreshLater(): void {
    timer = setTimeout(
      () => void refresh().finally(() => !isStopped && refreshLater()),
      refreshMs * (0.8 + 0.4 * Math.random()),
    );
  }

  return {
    name: 'keys of auth-service',
    async start() {
      const until = Date.now() + startLimitMs;
      await discovery.waitFor(service, startLimitMs);
      for (await refresh(); keys.size === 0; await refresh()) {
        if (isStopped || Date.now() > until) throw new Error('the keys of auth-service could not be fetched');
        await wait(200);
      }
      if (!isStopped) refreshLater();
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
      return Promise.resolve();
    },
    find: (kid) => keys.get(kid),
    async fetch(kid) {
      if (now() - askedAt >= askAgainMs) {
        askedAt = now();
        await refresh();
      } else if (fetching) await fetching;
      return keys.get(kid);
    },
    onRemoved: (listener) => void listeners.push(listener),
  };
}

const shuffled = <T>(items: T[]): T[] =>
  items
    .map((item) => ({ item, order: Math.random() }))
    .sort((one, other) => one.order - other.order)
    .map(({ item }) => item);
