import { defineErrors } from '@onrush/chassis/errors';

export const errors = defineErrors('user-service', {
  wrongCredentials: { http: 401, number: 1, message: 'wrong name or password' },
  userNotFound: { http: 404, number: 1, message: 'no such user' },
  usernameTaken: { http: 409, number: 1, message: 'this name is taken' },
  passwordTooCommon: { http: 422, number: 1, message: 'this password is too common' },
  tooManyPasswordChecks: { http: 503, number: 1, message: 'too many log-ins at once, try again' },
});
