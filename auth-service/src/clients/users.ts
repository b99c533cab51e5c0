import { isAppError } from '@onrush/chassis/errors';
import type { GrpcClient } from '@onrush/chassis/grpc-client';
import type { userService } from '@onrush/proto';
import { errors } from '../errors';

export interface Account {
  id: string;
  username: string;
  roles: string[];
  permissions: string[];
  disabled: boolean;
}

export interface Users {
  verify(username: string, password: string): Promise<Account>;
  find(userId: string): Promise<Account | undefined>;
}

export const createUsers = (client: GrpcClient<typeof userService>): Users => ({
  async verify(username, password) {
    try {
      return await client.call('VerifyCredentials', { username, password }, { timeoutMs: 8_000 });
    } catch (error) {
      if (isAppError(error) && error.status === 'UNAUTHENTICATED')
        throw errors.wrongCredentials({ cause: error });
      throw error;
    }
  },
  async find(userId) {
    try {
      return await client.call('GetUser', { userId }, { idempotent: true });
    } catch (error) {
      if (isAppError(error) && error.status === 'NOT_FOUND') return undefined;
      throw error;
    }
  },
});
