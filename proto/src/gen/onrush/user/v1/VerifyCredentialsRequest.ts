// Original file: onrush/user/v1/user.proto


export interface VerifyCredentialsRequest {
  'username'?: (string);
  'password'?: (string);
}

export interface VerifyCredentialsRequest__Output {
  'username': (string);
  'password': (string);
}
