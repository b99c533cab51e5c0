import { captureEntry, refundEntry, type JournalLine } from '../src/domain/journal';
import { createPayment, effectOf, isPayable, type PaymentStatus } from '../src/domain/payment';
import { fullRefund } from '../src/domain/refund';

const now = new Date('2026-05-01T12:00:00Z');
const order = {
  id: '9',
  userId: '7',
  status: 'CREATED',
  totalAmount: 12_800,
  expiresAt: new Date('2026-05-01T12:15:00Z'),
};
const payment = createPayment('5', order, { channel: 'mock', now });

test('a new payment is pending, for what the order costs, until the order expires', () => {
  expect(payment).toMatchObject({
    paymentNo: 'P5',
    orderId: '9',
    userId: '7',
    amount: 12_800,
    status: 'PENDING',
    refundedAmount: 0,
    expiresAt: order.expiresAt,
  });
});

test.each(['PAID', 'CANCELLED', 'SHIPPED', 'COMPLETED', 'REFUNDING', 'REFUNDED'])(
  'an order that is %s cannot be paid',
  (status) => expect(isPayable({ ...order, status }, now)).toBe(false),
);

test('an order can be paid until its time is over, and not at that moment', () => {
  expect(isPayable(order, new Date(order.expiresAt.getTime() - 1))).toBe(true);
  expect(isPayable(order, order.expiresAt)).toBe(false);
});

const statuses: PaymentStatus[] = ['PENDING', 'FAILED', 'CLOSED', 'SUCCEEDED'];

test.each([
  ['SUCCESS', 'a new try', ['capture', 'capture', 'capture', 'paid-twice']],
  ['SUCCESS', 'a known try', ['capture', 'capture', 'capture', 'none']],
  ['FAILED', 'a new try', ['fail', 'none', 'none', 'none']],
  ['FAILED', 'a known try', ['none', 'none', 'none', 'none']],
] as const)('%s of %s does to PENDING, FAILED, CLOSED, SUCCEEDED: %j', (status, which, effects) => {
  const tradeNo = which === 'a known try' ? 'T1' : 'T2';

  const found = statuses.map((each) => effectOf({ status: each, tradeNo: 'T1' }, { status, tradeNo }));

  expect(found).toEqual(effects);
});

const balanceOf = (lines: JournalLine[], account: string) =>
  lines.filter((line) => line.account === account).reduce((sum, line) => sum + line.debit - line.credit, 0);

test('a capture debits the provider and credits the order, by the same amount', () => {
  const lines = captureEntry(payment);

  expect(balanceOf(lines, 'provider:mock')).toBe(12_800);
  expect(balanceOf(lines, 'customer-orders')).toBe(-12_800);
  expect(new Set(lines.map((line) => line.entryId))).toEqual(new Set(['capture:P5']));
});

test('a capture and its full refund leave every account at zero', () => {
  const lines = [...captureEntry(payment), ...refundEntry(payment, fullRefund(payment, 'order-cancelled'))];

  expect(balanceOf(lines, 'provider:mock')).toBe(0);
  expect(balanceOf(lines, 'customer-orders')).toBe(0);
  expect(new Set(lines.map((line) => line.entryId)).size).toBe(2);
});
