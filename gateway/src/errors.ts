import { defineErrors } from '@onrush/chassis/errors';

export const errors = defineErrors('gateway', {
  ambiguousAuthorization: { http: 400, number: 1, message: 'more than one Authorization header' },
  malformedRequest: { http: 400, number: 2, message: 'the request is malformed' },
  tokenInvalid: { http: 401, number: 1, message: 'the access token is not valid' },
  apiKeyUnknown: { http: 401, number: 2, message: 'the API key is not known' },
  addressBlocked: { http: 403, number: 1, message: 'requests from this address are not accepted' },
  requestTimeout: { http: 408, number: 1, message: 'the request took too long to arrive' },
  requestInFlight: { http: 409, number: 1, message: 'the same request is being carried out' },
  answerNotKept: {
    http: 409,
    number: 2,
    message: 'the request was carried out, its answer was too large to keep',
  },
  uriTooLong: { http: 414, number: 1, message: 'the address is too long' },
  expectationFailed: { http: 417, number: 1, message: 'no other expectation than 100-continue is met' },
  misdirected: { http: 421, number: 1, message: 'this host is not served here' },
  keyReused: { http: 422, number: 1, message: 'the Idempotency-Key was used for another request' },
  upgradeRequired: { http: 426, number: 1, message: 'this address speaks WebSocket alone' },
  headersTooLarge: { http: 431, number: 1, message: 'the headers are too many or too large' },
  upstreamFailed: { http: 503, number: 1, message: 'the service is not available now, try again' },
  overloaded: { http: 503, number: 2, message: 'too busy now, try again' },
  versionNotSupported: { http: 505, number: 1, message: 'speak HTTP/1.1' },
});
