import { randomBytes } from 'node:crypto';
import { seal, unseal } from '../src/sealed';

const secret = randomBytes(32);

test('what was sealed is read with the same secret, and looks different each time', () => {
  const sealed = [seal('票 and key', secret), seal('票 and key', secret)];

  expect(sealed.map((text) => unseal(text, secret))).toEqual(['票 and key', '票 and key']);
  expect(sealed[0]).not.toBe(sealed[1]);
});

test('not with another secret, and not when a byte of it was changed', () => {
  const sealed = Buffer.from(seal('a key', secret), 'base64');

  expect(() => unseal(sealed.toString('base64'), randomBytes(32))).toThrow();
  for (let index = 0; index < sealed.length; index += 1) {
    const changed = Buffer.from(sealed);
    changed[index] = (changed[index] ?? 0) ^ 1;
    expect(() => unseal(changed.toString('base64'), secret)).toThrow();
  }
});
