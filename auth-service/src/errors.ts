import { defineErrors } from '@onrush/chassis/errors';

export const errors = defineErrors('auth-service', {
  wrongCredentials: { http: 401, number: 1, message: 'wrong name or password' },
  refreshTokenInvalid: { http: 401, number: 2, message: 'log in again' },
  tooManyFailures: { http: 429, number: 1, message: 'too many failed log-ins, wait a while' },
});
