import { route, type Route } from '@onrush/chassis/http-routes';
import { z } from 'zod';
import { canonicalUsername, type Account } from '../domain/user';
import { changeProfile, findAccount } from '../use-cases/profile';
import { register, type Register } from '../use-cases/register';

const nameForm = /^[\p{L}\p{N}][\p{L}\p{N}_.-]*$/u;

const credentials = z.strictObject({
  username: z
    .string()
    .min(3)
    .max(32)
    .regex(nameForm, 'letters, digits, "_", "." and "-"')
    // One character may stand for a whole phrase, until it is written in its canonical form.
    .refine((name) => canonicalUsername(name).length <= 32, 'at most 32 characters in canonical form (NFKC)')
    .refine(
      (name) => nameForm.test(canonicalUsername(name)),
      'letters, digits, "_", "." and "-" in canonical form',
    ),
  password: z
    .string()
    .min(8)
    .max(1024)
    .refine((text) => Buffer.byteLength(text) <= 1024, 'at most 1,024 bytes')
    .refine((text) => !text.includes('\0'), 'must not contain NUL'),
});

const registered = z.object({ id: z.string(), username: z.string(), created_at: z.string() });

const profileChange = z.strictObject({
  nickname: z.string().trim().min(1).max(64).optional(),
  avatar_url: z
    .url({ protocol: /^https?$/ })
    .max(500)
    .nullable()
    .optional(),
  gender: z.enum(['female', 'male', 'other']).nullable().optional(),
  locale: z
    .string()
    .regex(/^[a-z]{2}(-[A-Z]{2})?$/)
    .optional(),
});

const profile = z.object({
  id: z.string(),
  username: z.string(),
  nickname: z.string(),
  avatar_url: z.string().nullable(),
  gender: z.string().nullable(),
  locale: z.string(),
  phone: z.string().nullable(),
  email: z.string().nullable(),
  roles: z.array(z.string()),
  created_at: z.string(),
});

export function httpRoutes(deps: Register): Route[] {
  const registerAt = (path: 'POST /api/v1/user/register' | 'POST /api/v1/register') =>
    route(
      path,
      { summary: 'Register', access: 'public', body: credentials, reply: registered, status: 201 },
      async ({ body }) => {
        const user = await register(deps, body);
        return { id: user.id, username: user.username, created_at: user.createdAt.toISOString() };
      },
    );
  return [
    registerAt('POST /api/v1/user/register'),
    registerAt('POST /api/v1/register'),
    route(
      'GET /api/v1/user/profile',
      { summary: 'My profile', access: 'user', reply: profile },
      async ({ user }) => toProfile(await findAccount(deps, user.id)),
    ),
    route(
      'PUT /api/v1/user/profile',
      { summary: 'Change my profile', access: 'user', body: profileChange, reply: profile },
      async ({ user, body: { avatar_url, ...body } }) =>
        toProfile(
          await changeProfile(deps, user.id, {
            ...body,
            ...(avatar_url !== undefined && { avatarUrl: avatar_url }),
          }),
        ),
    ),
  ];
}

const toProfile = ({ user, roles }: Account): z.input<typeof profile> => ({
  id: user.id,
  username: user.username,
  nickname: user.nickname,
  avatar_url: user.avatarUrl,
  gender: user.gender,
  locale: user.locale,
  phone: null,
  email: null,
  roles,
  created_at: user.createdAt.toISOString(),
});
