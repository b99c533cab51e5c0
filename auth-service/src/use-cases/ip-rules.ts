import type { DataSource } from 'typeorm';
import { inTransaction, isDuplicateKey } from '@onrush/chassis/mysql';
import type { Snowflake } from '@onrush/chassis/snowflake';
import { ipRuleRepository } from '../data/ip-rule-repository';
import { blocksEverybody, mostIpRules, type IpRule } from '../domain/ip-rule';
import { errors } from '../errors';

export interface IpRulesDeps {
  db: DataSource;
  ids: Snowflake;
}

/** Gateways act on it within a second. Throws `blocksEverybody`, `ipRuleExists`, `tooManyIpRules`. */
export async function addIpRule(
  { db, ids }: IpRulesDeps,
  wanted: Omit<IpRule, 'id' | 'createdAt'>,
): Promise<IpRule> {
  if (blocksEverybody(wanted)) throw errors.blocksEverybody({ meta: { cidr: wanted.cidr } });
  const rule: IpRule = { ...wanted, id: ids.nextId(), createdAt: new Date() };
  try {
    await inTransaction(db, async (tx) => {
      await ipRuleRepository.removeExpired(tx, rule, rule.createdAt);
      if ((await ipRuleRepository.count(tx)) >= mostIpRules) throw errors.tooManyIpRules();
      await ipRuleRepository.insert(tx, rule);
    });
  } catch (error) {
    if (isDuplicateKey(error)) throw errors.ipRuleExists({ cause: error });
    throw error;
  }
  return rule;
}

export async function removeIpRule({ db }: { db: DataSource }, id: string): Promise<void> {
  if (!(await ipRuleRepository.remove(db.manager, id))) throw errors.notFound();
}

export async function listIpRules(
  { db }: { db: DataSource },
  { page, pageSize }: { page: number; pageSize: number },
): Promise<{ items: IpRule[]; total: number }> {
  const items = await ipRuleRepository.list(db.manager, { offset: (page - 1) * pageSize, limit: pageSize });
  return { items, total: await ipRuleRepository.count(db.manager) };
}
