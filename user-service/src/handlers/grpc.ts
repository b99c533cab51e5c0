import { serve, type ServedService } from '@onrush/chassis/grpc-server';
import { userService } from '@onrush/proto';
import type { Passwords } from '../data/passwords';
import type { UserRepository } from '../data/user-repository';
import type { Account } from '../domain/user';
import { findAccount } from '../use-cases/profile';
import { verifyCredentials } from '../use-cases/verify-credentials';

export const grpcHandlers = (deps: { users: UserRepository; passwords: Passwords }): ServedService =>
  serve(userService, {
    VerifyCredentials: {
      allow: ['auth-service'],
      unary: async (request) => toMessage(await verifyCredentials(deps, request)),
    },
    GetUser: {
      allow: ['auth-service', 'order-service', 'notify-service'],
      unary: async ({ userId }) => toMessage(await findAccount(deps, userId)),
    },
  });

const toMessage = ({ user, roles, permissions }: Account) => ({
  id: user.id,
  username: user.username,
  roles,
  permissions,
  disabled: user.disabled,
});
