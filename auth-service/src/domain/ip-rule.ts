import { formatCidr, parseCidr } from '@onrush/chassis/ip-address';

export interface IpRule {
  id: string;
  action: 'block' | 'allow';
  /** Canonical: see `canonicalCidr`. */
  cidr: string;
  reason: string;
  expiresAt: Date | null;
  createdBy: string;
  createdAt: Date;
}

/** Gateways hold them all in memory, and get them all in one message. */
export const mostIpRules = 10_000;

/** One text for each network, however it was written; undefined for what is none. */
export function canonicalCidr(text: string): string | undefined {
  const cidr = parseCidr(text);
  return cidr && formatCidr(cidr);
}

/** Whoever added it would be locked out of taking it away. */
export const blocksEverybody = ({ action, cidr }: Pick<IpRule, 'action' | 'cidr'>): boolean =>
  action === 'block' && cidr.endsWith('/0');
