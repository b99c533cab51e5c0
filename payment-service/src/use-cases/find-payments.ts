import type { DataSource } from 'typeorm';
import { paymentRepository } from '../data/payment-repository';
import type { Payment } from '../domain/payment';
import { errors } from '../errors';

/** Another user's payment does not exist. */
export async function findOwnPayment(
  { db }: { db: DataSource },
  id: string,
  userId: string,
): Promise<Payment> {
  const payment = await paymentRepository.find(db, id);
  if (payment?.userId !== userId) throw errors.paymentNotFound({ meta: { id } });
  return payment;
}

export async function findPayment({ db }: { db: DataSource }, id: string): Promise<Payment> {
  const payment = await paymentRepository.find(db, id);
  if (!payment) throw errors.paymentNotFound({ meta: { id } });
  return payment;
}
