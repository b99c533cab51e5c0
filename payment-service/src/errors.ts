import { defineErrors } from '@onrush/chassis/errors';

export const errors = defineErrors('payment-service', {
  callbackMismatch: { http: 400, number: 1, message: 'the callback does not match the payment' },
  signatureInvalid: { http: 401, number: 1, message: 'the signature is not valid' },
  paymentNotFound: { http: 404, number: 1, message: 'no such payment' },
  orderNotFound: { http: 404, number: 2, message: 'no such order' },
  orderNotPayable: { http: 409, number: 1, message: 'the order cannot be paid any more' },
  channelInUse: { http: 409, number: 2, message: 'the order is being paid through another channel' },
  channelNotConfigured: { http: 422, number: 1, message: 'this payment channel is not offered' },
});
