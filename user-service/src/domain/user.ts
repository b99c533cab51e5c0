export type RoleName = 'admin' | 'user';

export interface User {
  id: string;
  username: string;
  /** What makes a name the same name: NFKC, lower case. */
  canonicalUsername: string;
  /** `<algorithm>:<hash>`. */
  passwordHash: string;
  nickname: string;
  avatarUrl: string | null;
  gender: string | null;
  locale: string;
  disabled: boolean;
  createdAt: Date;
  updatedAt: Date;
}

export interface Account {
  user: User;
  roles: string[];
  permissions: string[];
}

export type ProfileChange = Partial<Pick<User, 'nickname' | 'avatarUrl' | 'gender' | 'locale'>>;

export const canonicalUsername = (username: string): string => username.normalize('NFKC').toLowerCase();

export function createUser(
  id: string,
  { username, passwordHash, now }: { username: string; passwordHash: string; now: Date },
): User {
  return {
    id,
    username,
    canonicalUsername: canonicalUsername(username),
    passwordHash,
    nickname: username,
    avatarUrl: null,
    gender: null,
    locale: 'zh-CN',
    disabled: false,
    createdAt: now,
    updatedAt: now,
  };
}
