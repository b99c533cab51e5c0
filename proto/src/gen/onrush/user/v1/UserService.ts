// Original file: onrush/user/v1/user.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { Account as _onrush_user_v1_Account, Account__Output as _onrush_user_v1_Account__Output } from '../../../onrush/user/v1/Account';
import type { GetUserRequest as _onrush_user_v1_GetUserRequest, GetUserRequest__Output as _onrush_user_v1_GetUserRequest__Output } from '../../../onrush/user/v1/GetUserRequest';
import type { VerifyCredentialsRequest as _onrush_user_v1_VerifyCredentialsRequest, VerifyCredentialsRequest__Output as _onrush_user_v1_VerifyCredentialsRequest__Output } from '../../../onrush/user/v1/VerifyCredentialsRequest';

export interface UserServiceClient extends grpc.Client {
  GetUser(argument: _onrush_user_v1_GetUserRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  GetUser(argument: _onrush_user_v1_GetUserRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  GetUser(argument: _onrush_user_v1_GetUserRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  GetUser(argument: _onrush_user_v1_GetUserRequest, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  getUser(argument: _onrush_user_v1_GetUserRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  getUser(argument: _onrush_user_v1_GetUserRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  getUser(argument: _onrush_user_v1_GetUserRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  getUser(argument: _onrush_user_v1_GetUserRequest, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  
  VerifyCredentials(argument: _onrush_user_v1_VerifyCredentialsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  VerifyCredentials(argument: _onrush_user_v1_VerifyCredentialsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  VerifyCredentials(argument: _onrush_user_v1_VerifyCredentialsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  VerifyCredentials(argument: _onrush_user_v1_VerifyCredentialsRequest, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  verifyCredentials(argument: _onrush_user_v1_VerifyCredentialsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  verifyCredentials(argument: _onrush_user_v1_VerifyCredentialsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  verifyCredentials(argument: _onrush_user_v1_VerifyCredentialsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  verifyCredentials(argument: _onrush_user_v1_VerifyCredentialsRequest, callback: grpc.requestCallback<_onrush_user_v1_Account__Output>): grpc.ClientUnaryCall;
  
}

export interface UserServiceHandlers extends grpc.UntypedServiceImplementation {
  GetUser: grpc.handleUnaryCall<_onrush_user_v1_GetUserRequest__Output, _onrush_user_v1_Account>;
  
  VerifyCredentials: grpc.handleUnaryCall<_onrush_user_v1_VerifyCredentialsRequest__Output, _onrush_user_v1_Account>;
  
}

export interface UserServiceDefinition extends grpc.ServiceDefinition {
  GetUser: MethodDefinition<_onrush_user_v1_GetUserRequest, _onrush_user_v1_Account, _onrush_user_v1_GetUserRequest__Output, _onrush_user_v1_Account__Output>
  VerifyCredentials: MethodDefinition<_onrush_user_v1_VerifyCredentialsRequest, _onrush_user_v1_Account, _onrush_user_v1_VerifyCredentialsRequest__Output, _onrush_user_v1_Account__Output>
}
