import { z } from 'zod';
import { errors } from '../errors';

/** Whoever can tell people from machines. */
export interface Captcha {
  siteKey: string;
  /** Whether this answer of a visitor is good; rejects with `unavailable` where nobody can tell now. */
  isGood(answer: string, address: string): Promise<boolean>;
}

const verdict = z.object({ success: z.boolean() });
const limitMs = 2_000;

/**
 * The `siteverify` call that reCAPTCHA, hCaptcha and Turnstile have in common: a form with secret, response and remoteip, answered with
 * `{ success }`. https://developers.cloudflare.com/turnstile/get-started/server-side-validation/
 */
export function createCaptcha(options: { siteKey: string; secret: string; verifyUrl: string }): Captcha {
  const { siteKey, secret, verifyUrl } = options;
  return {
    siteKey,
    async isGood(answer, address) {
      const form = new URLSearchParams({ secret, response: answer, remoteip: address });
      try {
        const signal = AbortSignal.timeout(limitMs);
        const response = await fetch(verifyUrl, { method: 'POST', body: form, redirect: 'error', signal });
        return verdict.parse(await response.json()).success;
      } catch (cause) {
        throw errors.unavailable({ retryAfterSeconds: 1, cause, meta: { verifyUrl } });
      }
    },
  };
}
