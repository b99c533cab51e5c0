import type { DataSource, EntityManager } from 'typeorm';
import type { Logger } from '@onrush/chassis/logger';
import { newEvent } from '@onrush/chassis/message-broker';
import type { Metrics } from '@onrush/chassis/metrics';
import { inTransaction } from '@onrush/chassis/mysql';
import type { Outbox } from '@onrush/chassis/outbox';
import { paymentFailed, paymentSucceeded } from '@onrush/proto';
import { paymentRepository } from '../data/payment-repository';
import { captureEntry } from '../domain/journal';
import { effectOf, type Payment, type ProviderReport } from '../domain/payment';
import { paymentEvent } from '../domain/payment-event';
import { errors } from '../errors';
import { refundInFull } from './refund-payment';

export interface SettlePayment {
  db: DataSource;
  outbox: Outbox;
  logger: Logger;
  countAnomaly: (reason: Anomaly) => void;
}

/** The report, and the bytes it came in: they are kept when a person has to look at them. */
export interface SignedReport {
  report: ProviderReport;
  body: string;
}

/**
 * What the provider reports, once, however often it does. Money for a payment that we had closed is booked and goes back at once. What does
 * not match our payment changes nothing, and is kept for a person to look at.
 */
export async function settlePayment(deps: SettlePayment, { report, body }: SignedReport): Promise<void> {
  const anomaly = await inTransaction(deps.db, async (tx) => {
    const payment = await paymentRepository.lockByNumber(tx, report.paymentNo);
    const difference = differenceOf(payment, report);
    if (difference || !payment) return difference;
    return apply(deps, tx, { payment, report });
  });
  if (anomaly) await keepForAPerson(deps, { report, body }, anomaly);
  deps.outbox.wake();
}

/** A second payment of the same thing is true, so the provider is told that we know; anything else it must look at as well. */
async function keepForAPerson(
  { db, logger, countAnomaly }: SettlePayment,
  { report, body }: SignedReport,
  reason: Anomaly,
): Promise<void> {
  countAnomaly(reason);
  logger.error('a callback needs a person', { paymentNo: report.paymentNo, reason });
  await paymentRepository.recordAnomaly(db.manager, { paymentNo: report.paymentNo, reason, body });
  if (reason !== 'paid twice') throw errors.callbackMismatch({ meta: { reason } });
}

const anomalies = ['unknown payment', 'another amount', 'another currency', 'paid twice'] as const;
type Anomaly = (typeof anomalies)[number];

/** What the provider says and we do not: each is there from the start, so that its first one is seen as an increase. */
export function createAnomalyCounter(metrics: Metrics): SettlePayment['countAnomaly'] {
  const counter = metrics.counter(
    'payment_anomalies_total',
    'Signed callbacks that do not match our payment',
    ['reason'],
  );
  const labelsOf = (reason: Anomaly) => ({ reason: reason.replace(' ', '-') });
  for (const reason of anomalies) counter.inc(labelsOf(reason), 0);
  return (reason) => counter.inc(labelsOf(reason));
}

function differenceOf(payment: Payment | null, report: ProviderReport): Anomaly | undefined {
  // The database compares without regard to case and trailing spaces; we do not.
  if (payment?.paymentNo !== report.paymentNo || payment.channel !== 'mock') return 'unknown payment';
  if (payment.amount !== report.amount) return 'another amount';
  if (payment.currency !== report.currency) return 'another currency';
  return undefined;
}

async function apply(
  { outbox }: SettlePayment,
  tx: EntityManager,
  { payment, report }: { payment: Payment; report: ProviderReport },
): Promise<Anomaly | undefined> {
  switch (effectOf(payment, report)) {
    case 'none':
      return undefined;
    case 'paid-twice':
      return 'paid twice';
    case 'fail':
      await paymentRepository.markFailed(tx, payment.id, report.tradeNo);
      await outbox.add(tx, [newEvent(paymentFailed, payment.orderId, paymentEvent(payment, new Date()))]);
      return undefined;
    case 'capture':
      await capture({ outbox }, tx, { payment, report });
      return undefined;
  }
}

async function capture(
  { outbox }: { outbox: Outbox },
  tx: EntityManager,
  { payment, report }: { payment: Payment; report: ProviderReport },
): Promise<void> {
  await paymentRepository.markCaptured(tx, payment.id, report);
  await paymentRepository.book(tx, captureEntry(payment));
  await outbox.add(tx, [newEvent(paymentSucceeded, payment.orderId, paymentEvent(payment, report.paidAt))]);
  if (payment.status === 'CLOSED') await refundInFull({ outbox }, tx, { payment, reason: 'order-cancelled' });
}
