import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Account as _onrush_user_v1_Account, Account__Output as _onrush_user_v1_Account__Output } from './onrush/user/v1/Account';
import type { GetUserRequest as _onrush_user_v1_GetUserRequest, GetUserRequest__Output as _onrush_user_v1_GetUserRequest__Output } from './onrush/user/v1/GetUserRequest';
import type { UserServiceClient as _onrush_user_v1_UserServiceClient, UserServiceDefinition as _onrush_user_v1_UserServiceDefinition } from './onrush/user/v1/UserService';
import type { VerifyCredentialsRequest as _onrush_user_v1_VerifyCredentialsRequest, VerifyCredentialsRequest__Output as _onrush_user_v1_VerifyCredentialsRequest__Output } from './onrush/user/v1/VerifyCredentialsRequest';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  onrush: {
    user: {
      v1: {
        Account: MessageTypeDefinition<_onrush_user_v1_Account, _onrush_user_v1_Account__Output>
        GetUserRequest: MessageTypeDefinition<_onrush_user_v1_GetUserRequest, _onrush_user_v1_GetUserRequest__Output>
        UserService: SubtypeConstructor<typeof grpc.Client, _onrush_user_v1_UserServiceClient> & { service: _onrush_user_v1_UserServiceDefinition }
        VerifyCredentialsRequest: MessageTypeDefinition<_onrush_user_v1_VerifyCredentialsRequest, _onrush_user_v1_VerifyCredentialsRequest__Output>
      }
    }
  }
}

