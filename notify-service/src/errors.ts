import { defineErrors } from '@onrush/chassis/errors';

export const errors = defineErrors('notify-service', {
  notificationNotFound: { http: 404, number: 1, message: 'no such notification' },
});
