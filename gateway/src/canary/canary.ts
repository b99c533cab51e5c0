import type { Instance } from '@onrush/chassis/discovery';
import { hasPermission } from '@onrush/chassis/http-server';
import type { User } from '@onrush/chassis/request-context';
import { slotOf, type CanaryRule } from './canary-rules';

/** Which version is to answer. */
export type Cohort = 'stable' | 'canary';

export interface CohortRequest {
  /** `X-Canary`: `true` or the version of the canary; `false` or `stable`. */
  header?: string | undefined;
  /** As verified, never as claimed. */
  user?: User | undefined;
  /** Of the client; decides where nobody is logged in. */
  address: string;
}

/** Instances to ask, in order; when none of them is there, any other: a request is answered before it is answered by the right version. */
export type Preference = readonly ((instance: Instance) => boolean)[];

const stableFirst: Preference = [({ canary }) => !canary];
const isAny = () => true;

/**
 * In order: header, list of users, percentage of users, weight of addresses. The same user gets the same answer while the rules stay, and a
 * share that grows keeps those it had. A header counts for those alone whose signed access token lets them choose (or for anyone, where the
 * rules say so). While the canary is closed (canary-guard.ts), for those with the permission only.
 */
export function chooseCohort(rule: CanaryRule, request: CohortRequest, isClosed: boolean): Cohort {
  const { header, user, address } = request;
  if (header !== undefined && mayChoose(rule, user, isClosed)) {
    if (header === 'true' || header === '1' || header === rule.version) return 'canary';
    if (header === 'false' || header === '0' || header === 'stable') return 'stable';
  }
  if (isClosed) return 'stable';
  if (!user)
    return rule.addressSlots > 0 && slotOf(rule.seed, address) < rule.addressSlots ? 'canary' : 'stable';
  if (rule.users.has(user.id)) return 'canary';
  return rule.userSlots > 0 && slotOf(rule.seed, user.id) < rule.userSlots ? 'canary' : 'stable';
}

function mayChoose({ header }: CanaryRule, user: User | undefined, isClosed: boolean): boolean {
  if (header === 'off') return false;
  if (header === 'anyone' && !isClosed) return true;
  return user !== undefined && hasPermission(user, 'gateway.canary');
}

export const preferenceOf = ({ isCanary }: CanaryRule, cohort: Cohort): Preference =>
  cohort === 'canary' ? [isCanary, ...stableFirst] : stableFirst;

export function pickPreferred<T>(
  preference: Preference,
  pick: (accepts: (instance: Instance) => boolean) => T | undefined,
): T | undefined {
  for (const accepts of preference) {
    const picked = pick(accepts);
    if (picked !== undefined) return picked;
  }
  return pick(isAny);
}
