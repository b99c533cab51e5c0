import type { Discovery } from '@onrush/chassis/discovery';
import type { GrpcClient } from '@onrush/chassis/grpc-client';
import { bitsOf, parseAddress, parseCidr } from '@onrush/chassis/ip-address';
import type { Component } from '@onrush/chassis/lifecycle';
import type { Logger } from '@onrush/chassis/logger';
import type { Metrics } from '@onrush/chassis/metrics';
import type { authService } from '@onrush/proto';
import type { IpRule__Output } from '@onrush/proto/gen/onrush/auth/v1/IpRule';
import type { IpRuleList__Output } from '@onrush/proto/gen/onrush/auth/v1/IpRuleList';
import { createAuthFeed } from './auth-feed';

/** Whom to refuse by address. */
export interface IpRules extends Component {
  /** The rule with the longest prefix decides, of two equally long ones that which allows. False for what is no address. */
  isBlocked(address: string): boolean;
}

/** The networks of one length in one address family. */
interface Level {
  family: 4 | 6;
  /** The bits behind the prefix. */
  free: bigint;
  isBlocked: Map<bigint, boolean>;
}

interface Table {
  /** Longest prefix first. */
  levels: Level[];
  /** When the first of the rules is over; then the table has to be built again. */
  goodUntil: number;
}

const cacheLimit = 20_000;

/** The list of auth-service; the last one stays while no instance can be reached, less what is over. */
export function createIpRules(options: {
  client: GrpcClient<typeof authService>;
  discovery: Discovery;
  logger: Logger;
  metrics: Metrics;
  now?: () => number;
  startLimitMs?: number;
}): IpRules {
  const { client, logger, now = Date.now } = options;
  const count = options.metrics.gauge('gateway_ip_rules', 'IP rules known', [], { ofWorkers: 'max' });
  const cache = new Map<string, boolean>();
  let rules: IpRule__Output[] = [];
  let table: Table = { levels: [], goodUntil: Infinity };

  function build(): void {
    const { table: built, unread } = tableOf(rules, now());
    if (unread > 0) logger.error('ip rules of auth-service not understood', { rules: unread });
    table = built;
    cache.clear();
  }

  function receive(list: IpRuleList__Output): boolean {
    if (!list.whole) return false;
    rules = list.rules;
    count.set(rules.length);
    build();
    return true;
  }

  const feed = createAuthFeed<IpRuleList__Output>({
    ...options,
    name: 'ip rules',
    gauge: 'gateway_ip_rules_connected',
    open: (instance) => client.openServerStream('IpRules', {}, instance),
    receive,
  });
  return {
    ...feed,
    isBlocked(address) {
      if (table.levels.length === 0) return false;
      if (now() >= table.goodUntil) build();
      const known = cache.get(address);
      if (known !== undefined) return known;
      const isBlocked = lookUp(table.levels, address);
      if (cache.size >= cacheLimit) cache.delete(cache.keys().next().value ?? '');
      cache.set(address, isBlocked);
      return isBlocked;
    },
  };
}

function lookUp(levels: Level[], text: string): boolean {
  const address = parseAddress(text);
  if (!address) return false;
  for (const { family, free, isBlocked } of levels) {
    if (family !== address.family) continue;
    const decided = isBlocked.get(address.value >> free);
    if (decided !== undefined) return decided;
  }
  return false;
}

function tableOf(rules: IpRule__Output[], at: number): { table: Table; unread: number } {
  const levels = new Map<string, Level & { prefix: number }>();
  let goodUntil = Infinity;
  let unread = 0;
  for (const { action, cidr, expiresAt } of rules) {
    const until = Number(expiresAt) || Infinity;
    if (until <= at) continue;
    const network = parseCidr(cidr);
    if (!network || (action !== 'block' && action !== 'allow')) {
      unread += 1;
      continue;
    }
    goodUntil = Math.min(goodUntil, until);
    const { family, prefix, value } = network;
    const key = `${family}/${prefix}`;
    const free = BigInt(bitsOf(family) - prefix);
    const level = levels.get(key) ?? { family, prefix, free, isBlocked: new Map<bigint, boolean>() };
    levels.set(key, level);
    const bits = value >> free;
    level.isBlocked.set(bits, action === 'block' && level.isBlocked.get(bits) !== false);
  }
  const sorted = [...levels.values()].sort((one, other) => other.prefix - one.prefix);
  return { table: { levels: sorted, goodUntil }, unread };
}
