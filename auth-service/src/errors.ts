import { defineErrors } from '@onrush/chassis/errors';

export const errors = defineErrors('auth-service', {
  wrongCredentials: { http: 401, number: 1, message: 'wrong name or password' },
  refreshTokenInvalid: { http: 401, number: 2, message: 'log in again' },
  ipRuleExists: { http: 409, number: 1, message: 'there is such a rule already' },
  blocksEverybody: { http: 422, number: 1, message: 'this rule would block everybody' },
  tooManyIpRules: { http: 422, number: 2, message: 'there are too many rules' },
  tooManyFailures: { http: 429, number: 1, message: 'too many failed log-ins, wait a while' },
});
