import { isIPv4 } from 'node:net';
import { formatCidr, parseAddress } from '@onrush/chassis/ip-address';

/**
 * What one client's address is limited by. An IPv6 address counts as its /64, which is what a provider gives to one customer: else each of
 * them would have 2^64 buckets. An IPv4 address that is written as IPv6 (RFC 4291 §2.5.5.2) is the same as the plain one.
 */
export function addressKey(address: string): string {
  if (isIPv4(address)) return address;
  const parsed = parseAddress(address);
  if (!parsed) return 'unknown';
  const { family, value } = parsed;
  if (family === 6) return formatCidr({ family, value: (value >> 64n) << 64n, prefix: 64 });
  return formatCidr({ family, value, prefix: 32 }).slice(0, -'/32'.length);
}
