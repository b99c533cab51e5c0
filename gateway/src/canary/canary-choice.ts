import { chooseCohort, preferenceOf, type Cohort, type Preference } from './canary';
import type { CanaryGuard } from './canary-guard';
import type { CanaryRules } from './canary-rules';
import type { Exchange } from '../exchange';
import type { GatewayRoute } from '../routes';

/** Which version of a route's upstream is to answer an exchange. */
export interface CanaryChoice {
  /**
   * To be asked once for each exchange: rules and rollbacks change from one moment to the next, and an answer that is kept for one cohort must
   * not have been asked for by the preference of another.
   */
  choose(exchange: Exchange, route: GatewayRoute): { cohort: Cohort; preference: Preference };
  /** Where the cohort itself does not matter. */
  preferenceOf(exchange: Exchange, route: GatewayRoute): Preference;
}

export function createCanaryChoice(deps: { rules: () => CanaryRules; guard: CanaryGuard }): CanaryChoice {
  function choose({ user, address, request }: Exchange, { upstream, canary }: GatewayRoute) {
    const rule = deps.rules().of(upstream);
    const header = request.headers['x-canary'] as string | undefined;
    const cohort = canary
      ? chooseCohort(rule, { header, user, address }, deps.guard.isClosed(upstream))
      : 'stable';
    return { cohort, preference: preferenceOf(rule, cohort) };
  }
  return { choose, preferenceOf: (exchange, route) => choose(exchange, route).preference };
}
