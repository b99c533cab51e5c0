import { defineErrors } from '../src/errors';

const errors = defineErrors('product-service', {
  soldOut: { http: 409, number: 1, message: 'sold out' },
});

test('what is refused on purpose has no stack of its own, and its cause keeps one; a bug has', () => {
  const { stackTraceLimit } = Error;
  const cause = new Error('away');

  expect(errors.soldOut().stack).toBe('AppError: sold out');
  expect(errors.unavailable({ cause }).stack?.split('\n')).toHaveLength(1);
  expect((errors.unavailable({ cause }).cause as Error).stack).toContain('errors.test');
  expect(errors.internal().stack).toContain('errors.test');
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
});
