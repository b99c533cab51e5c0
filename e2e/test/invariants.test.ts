import { readCatalogue } from '../src/catalogue';
import type { SaleFacts } from '../src/checks/facts';
import { judge } from '../src/checks/invariants';
import { percentile } from '../src/parallel';

/** A sale of 3 units in which all is well: one paid, one waiting, one free. */
const wellRun = (): SaleFacts => ({
  total: 3,
  perUserLimit: 1,
  free: 1,
  inStream: 0,
  sold: 2,
  reservations: [
    { id: 'r1', userId: 'u1', orderNo: 'o1', quantity: 1, status: 'ORDERED' },
    { id: 'r2', userId: 'u2', orderNo: 'o2', quantity: 1, status: 'ORDERED' },
  ],
  orders: [
    { id: 'o1', userId: 'u1', reservationId: 'r1', status: 'PAID', quantity: 1, cancelReason: null },
    { id: 'o2', userId: 'u2', reservationId: 'r2', status: 'CREATED', quantity: 1, cancelReason: null },
  ],
  payments: [{ orderId: 'o1', status: 'SUCCEEDED', amount: 100, refunded: 0 }],
  journalSum: 0,
  stock: { cameIn: 3, free: 0, reserved: 3, sold: 0 },
  events: { reserved: ['r1', 'r2'], orderCreated: ['o1', 'o2'], orderPaid: ['o1'], orderCancelled: [] },
});
const history = {
  accepted: [
    { reservationId: 'r1', orderNo: 'o1' },
    { reservationId: 'r2', orderNo: 'o2' },
  ],
  paidOrders: ['o1'],
};
const broken = (facts: SaleFacts) =>
  judge(facts, history)
    .filter((verdict) => !verdict.holds)
    .map((verdict) => verdict.id);

test('a sale in which all is well breaks no rule', () => {
  expect(broken(wellRun())).toEqual([]);
});

test.each<[string, string, (facts: SaleFacts) => void]>([
  [
    'a third and a fourth order',
    'I1',
    (facts) => facts.orders.push({ ...facts.orders[0]!, id: 'o3', reservationId: 'r3', quantity: 2 }),
  ],
  ['less than nothing left', 'I1', (facts) => (facts.free = -1)],
  ['a unit that vanished', 'I2', (facts) => (facts.free = 0)],
  ['a unit that appeared', 'I2', (facts) => (facts.inStream = 1)],
  ['product stock that does not add up', 'I2', (facts) => (facts.stock.cameIn = 4)],
  ['an accepted purchase without its order', 'I3', (facts) => facts.orders.pop()],
  ['an accepted purchase that the ledger never saw', 'I3', (facts) => facts.reservations.pop()],
  ['two units for one buyer', 'I4', (facts) => (facts.reservations[1]!.userId = 'u1')],
  ['a fen astray', 'I5', (facts) => (facts.journalSum = 1)],
  ['money taken, and no ticket', 'I7', (facts) => (facts.orders[0]!.status = 'CANCELLED')],
  ['a payment that was confirmed and is not there', 'I7', (facts) => facts.payments.pop()],
  ['two orders of one reservation', 'I11', (facts) => (facts.orders[1]!.reservationId = 'r1')],
  ['an order that nobody was told of', 'I11', (facts) => facts.events.orderCreated.pop()],
])('%s breaks %s', (_name, id, plant) => {
  const facts = wellRun();
  plant(facts);

  expect(broken(facts)).toContain(id);
});

test('money for a cancelled order is in order when it went back', () => {
  const facts = wellRun();
  facts.orders[1]!.status = 'CANCELLED';
  facts.reservations[1]!.status = 'RELEASED';
  Object.assign(facts, { free: 2, sold: 1 });
  facts.payments.push({ orderId: 'o2', status: 'SUCCEEDED', amount: 100, refunded: 100 });

  expect(broken(facts)).toEqual([]);
});

test('the catalogue has at least fifty events, each with its place, its time and its prices', () => {
  const events = readCatalogue();

  expect(events.length).toBeGreaterThanOrEqual(50);
  expect(new Set(events.map((event) => event.name)).size).toBe(events.length);
  expect(events.every((event) => event.venue && event.tiers.length >= 3)).toBe(true);
});

test('percentiles of samples, and of none', () => {
  expect([percentile([3, 1, 2], 0.5), percentile([1, 2], 0.99), percentile([], 0.5)]).toEqual([2, 2, 0]);
});
