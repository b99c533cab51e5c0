import { defineErrors } from '@onrush/chassis/errors';

export const errors = defineErrors('product-service', {
  productNotFound: { http: 404, number: 1, message: 'no such product' },
  reservationNotFound: { http: 404, number: 2, message: 'no such reservation' },
  stockShort: { http: 409, number: 1, message: 'not enough stock' },
  versionChanged: { http: 409, number: 2, message: 'somebody else changed it, read it again' },
  notOnSale: { http: 409, number: 3, message: 'the product is not on sale' },
  reservationEnded: { http: 409, number: 4, message: 'the reservation of this order has ended' },
  reservationDiffers: { http: 409, number: 5, message: 'this order has reserved something else' },
});
