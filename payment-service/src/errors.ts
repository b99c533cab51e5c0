import { defineErrors } from '@onrush/chassis/errors';

export const errors = defineErrors('payment-service', {
  callbackMismatch: { http: 400, number: 1, message: 'the callback does not match the payment' },
  paymentNotFound: { http: 404, number: 1, message: 'no such payment' },
  orderNotFound: { http: 404, number: 2, message: 'no such order' },
  orderNotPayable: { http: 409, number: 1, message: 'the order cannot be paid any more' },
  channelNotConfigured: { http: 422, number: 1, message: 'this payment channel is not configured' },
  idempotencyKeyReused: {
    http: 422,
    number: 2,
    message: 'this Idempotency-Key was used for another request',
  },
});
