import type { DataSource } from 'typeorm';
import { alertRepository } from '../data/alert-repository';
import type { AlertStatus } from '../domain/alert';

export const listAlerts = (
  { db }: { db: DataSource },
  filter: { status: AlertStatus | undefined; page: number; pageSize: number },
) => alertRepository.list(db, filter);
