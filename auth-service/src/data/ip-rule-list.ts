import type { DataSource } from 'typeorm';
import type { IpRuleList } from '@onrush/proto/gen/onrush/auth/v1/IpRuleList';
import { ipRuleRepository } from './ip-rule-repository';
import type { FeedSource } from './feed';

/** The rules in force: the whole list, and again when one was added or removed, or is over. */
export function createIpRuleList(deps: {
  db: DataSource;
  now?: () => number;
}): FeedSource<number, IpRuleList> {
  const { db, now = Date.now } = deps;
  let fingerprint: string | undefined;
  let version = 0;
  let list: IpRuleList = {};

  return {
    async poll() {
      const at = new Date(now());
      const found = await ipRuleRepository.fingerprint(db.manager, at);
      if (found === fingerprint) return;
      // A rule that comes between the two statements is in this list already; the next poll sends it again.
      const rules = await ipRuleRepository.listInForce(db.manager, at);
      fingerprint = found;
      version += 1;
      list = {
        whole: true,
        rules: rules.map(({ id, action, cidr, expiresAt }) => ({
          id,
          action,
          cidr,
          expiresAt: expiresAt?.getTime() ?? 0,
        })),
      };
    },
    forget() {
      fingerprint = undefined;
      list = {};
    },
    next: (cursor) => (cursor === version ? undefined : { message: list, cursor: version }),
  };
}
