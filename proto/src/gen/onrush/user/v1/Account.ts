// Original file: onrush/user/v1/user.proto

import type { Long } from '@grpc/proto-loader';

export interface Account {
  'id'?: (number | string | Long);
  'username'?: (string);
  'roles'?: (string)[];
  'permissions'?: (string)[];
  'disabled'?: (boolean);
}

export interface Account__Output {
  'id': (string);
  'username': (string);
  'roles': (string)[];
  'permissions': (string)[];
  'disabled': (boolean);
}
