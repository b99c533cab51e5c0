import { defineErrors } from '@onrush/chassis/errors';

export const errors = defineErrors('order-service', {
  orderNotFound: { http: 404, number: 1, message: 'no such order' },
  alreadyPaid: { http: 409, number: 1, message: 'the order is paid' },
  alreadyCancelled: { http: 409, number: 2, message: 'the order is cancelled' },
  illegalTransition: { http: 409, number: 3, message: 'the order is in another state' },
  productNotForSale: { http: 409, number: 4, message: 'a product is not there, or not on sale' },
  stockShort: { http: 409, number: 5, message: 'not enough stock' },
  requestInFlight: { http: 409, number: 6, message: 'the same request is being carried out' },
  idempotencyKeyReused: {
    http: 422,
    number: 1,
    message: 'this Idempotency-Key was used for another request',
  },
});
