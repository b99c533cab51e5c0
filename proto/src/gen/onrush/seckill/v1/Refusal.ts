// Original file: onrush/seckill/v1/seckill.proto


export interface Refusal {
  'code'?: (number);
  'reason'?: (string);
  'message'?: (string);
  'retryAfterSeconds'?: (number);
}

export interface Refusal__Output {
  'code': (number);
  'reason': (string);
  'message': (string);
  'retryAfterSeconds': (number);
}
