import type { DataSource } from 'typeorm';
import type { Logger } from '@onrush/chassis/logger';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Snowflake } from '@onrush/chassis/snowflake';
import { alertRepository } from '../data/alert-repository';
import { createAlert, type Alert, type AlertReport } from '../domain/alert';

export interface RecordAlerts {
  db: DataSource;
  ids: Snowflake;
  logger: Logger;
}

/** All of a delivery or nothing; the same delivery again changes nothing. What is said last holds, since Alertmanager sends what it knows in turn. */
export async function recordAlerts(deps: RecordAlerts, reports: AlertReport[]): Promise<void> {
  const now = new Date();
  const alerts = reports.map((report) => createAlert(report, { id: deps.ids.nextId(), now }));
  await inTransaction(deps.db, async (tx) => {
    for (const alert of alerts) await alertRepository.save(tx, alert);
  });
  for (const alert of alerts) writeToLog(deps.logger, alert);
}

function writeToLog(logger: Logger, { status, name, severity, summary, labels, startsAt }: Alert): void {
  const fields = { alert: name, severity, summary, labels, startsAt };
  if (status === 'firing') logger.warn('alert firing', fields);
  else logger.info('alert resolved', fields);
}
