import { defineErrors } from '@onrush/chassis/errors';

export const errors = defineErrors('seckill-service', {
  activityNotFound: { http: 404, number: 1, message: 'no such activity' },
  reservationNotFound: { http: 404, number: 2, message: 'no such reservation' },
  notStarted: { http: 409, number: 1, message: 'the sale has not started' },
  paused: { http: 409, number: 2, message: 'the sale is paused' },
  ended: { http: 409, number: 3, message: 'the sale has ended' },
  soldOut: { http: 409, number: 4, message: 'sold out' },
  overLimit: { http: 409, number: 5, message: 'you have bought as many as one person may' },
  alreadyWarmedUp: {
    http: 409,
    number: 6,
    message: 'the activity is warmed up, so this cannot change any more',
  },
  productNotForSale: { http: 409, number: 7, message: 'the product is not there, or not on sale' },
  versionChanged: { http: 409, number: 8, message: 'somebody else changed it, read it again' },
  notWarmedUp: { http: 409, number: 11, message: 'the activity is not warmed up' },
  operationPending: {
    http: 409,
    number: 12,
    message: 'another operation on this activity is being carried out',
  },
  notEnoughFreeUnits: { http: 409, number: 13, message: 'fewer units are free' },
  stockShort: { http: 409, number: 14, message: 'the product has fewer free units, or is not on sale' },
  idempotencyKeyReused: {
    http: 422,
    number: 1,
    message: 'this Idempotency-Key was used for another request',
  },
  tokenRefused: {
    http: 403,
    number: 1,
    message: 'this sale needs a purchase token of yours that is valid and unused',
  },
  challengeFailed: { http: 403, number: 2, message: 'the challenge was not met, ask for a new one' },
  queueTicketRefused: {
    http: 403,
    number: 3,
    message: 'this needs a ticket of yours from the waiting room that is valid',
  },
  notAdmitted: { http: 403, number: 4, message: 'wait for your turn in the waiting room' },
  noWaitingRoom: { http: 409, number: 21, message: 'this sale has no waiting room' },
  waitingRoomNotOpen: { http: 409, number: 22, message: 'the waiting room is not open yet' },
  tokenNotNeeded: { http: 409, number: 20, message: 'this sale needs no purchase token' },
  backlog: { http: 503, number: 1, message: 'more was bought than can be recorded at once, try again' },
  tooManyStreams: { http: 503, number: 2, message: 'too many event streams are open, try again' },
});
