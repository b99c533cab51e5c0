import { formatCidr, parseAddress, parseCidr } from '../src/ip-address';

const canonical = (text: string) => {
  const cidr = parseCidr(text);
  return cidr && formatCidr(cidr);
};

test.each([
  ['192.0.2.1', '192.0.2.1/32'],
  ['192.0.2.77/24', '192.0.2.0/24'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['255.255.255.255', '255.255.255.255/32'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1/128'],
  ['2001:db8::ff/32', '2001:db8::/32'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3/128'],
  ['::', '::/128'],
  ['::/0', '::/0'],
  ['64:ff9b::192.0.2.1', '64:ff9b::c000:201/128'],
  ['::ffff:192.0.2.1', '192.0.2.1/32'],
  ['::ffff:c000:24d/120', '192.0.2.0/24'],
])('%s is written %s', (text, expected) => {
  expect(canonical(text)).toBe(expected);
});

test.each([
  '',
  '192.0.2',
  '192.0.2.256',
  '192.0.2.01',
  '192.0.2.1/33',
  '192.0.2.1/-1',
  '192.0.2.1/08',
  '192.0.2.1/',
  '192.0.2.1/8/8',
  '192.0.2.1 ',
  '2001:db8::1::2',
  '2001:db8::/129',
  '::ffff:192.0.2.1/95',
  'fe80::1%eth0',
  'example.org',
])('%p is no network', (text) => {
  expect(parseCidr(text)).toBeUndefined();
});

test('an address in IPv6 clothes is the IPv4 address, and a zone is no part of one', () => {
  expect(parseAddress('::ffff:192.0.2.1')).toEqual(parseAddress('192.0.2.1'));
  expect(parseAddress('fe80::1%eth0')).toEqual(parseAddress('fe80::1'));
  expect(parseAddress('unknown')).toBeUndefined();
});
