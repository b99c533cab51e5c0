import { isIPv4, isIPv6 } from 'node:net';

export interface IpAddress {
  family: 4 | 6;
  value: bigint;
}

/** A network: the addresses whose first `prefix` bits are those of `value`; its other bits are 0. */
export interface Cidr extends IpAddress {
  prefix: number;
}

const mappedPrefix = 96;
const mappedNetwork = 0xffffn;

export const bitsOf = (family: 4 | 6): number => (family === 4 ? 32 : 128);

/** Undefined for what is no address. IPv4 inside IPv6 (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2) is IPv4; a zone (`%eth0`) is left out. */
export function parseAddress(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { family: 4, value: ipv4Value(text) };
  const [address = ''] = text.split('%');
  if (!isIPv6(address)) return undefined;
  const value = ipv6Value(address);
  if (value >> 32n === mappedNetwork) return { family: 4, value: value & 0xffff_ffffn };
  return { family: 6, value };
}

/** An address, or a network as `192.0.2.0/24` (RFC 4632); bits behind the prefix are cleared. Undefined for what is neither. */
export function parseCidr(text: string): Cidr | undefined {
  const [addressText = '', prefixText, ...rest] = text.split('/');
  if (rest.length > 0 || addressText.includes('%')) return undefined;
  const address = parseAddress(addressText);
  if (!address) return undefined;
  const { family } = address;
  if (prefixText === undefined) return { ...address, prefix: bitsOf(family) };
  if (!/^(0|[1-9]\d{0,2})$/.test(prefixText)) return undefined;
  const isMapped = family === 4 && addressText.includes(':');
  const prefix = Number(prefixText) - (isMapped ? mappedPrefix : 0);
  if (prefix < 0 || prefix > bitsOf(family)) return undefined;
  const free = BigInt(bitsOf(family) - prefix);
  return { family, prefix, value: (address.value >> free) << free };
}

/** One text for one network, always with its length: `192.0.2.1/32`, `2001:db8::/32` (RFC 5952). */
export function formatCidr({ family, value, prefix }: Cidr): string {
  return `${family === 4 ? ipv4Text(value) : ipv6Text(value)}/${prefix}`;
}

const ipv4Value = (text: string): bigint =>
  text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);

const ipv4Text = (value: bigint): string =>
  [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');

function ipv6Value(text: string): bigint {
  const hex = text.replace(/[\d.]+$/, (tail) => (isIPv4(tail) ? groupsOfIpv4(ipv4Value(tail)) : tail));
  const [left = [], right = []] = hex.split('::').map((half) => half.split(':').filter(Boolean));
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

const groupsOfIpv4 = (value: bigint): string =>
  `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;

/** The URL standard writes IPv6 as RFC 5952 asks. */
function ipv6Text(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
