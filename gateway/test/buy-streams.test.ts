import type { Instance } from '@onrush/chassis/discovery';
import { instance, startStreams, timeoutMs } from './buy-streams-fixture';

const [a, b] = [instance('a'), instance('b')];

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

describe('an instance that discovery lists otherwise than before', () => {
  test.each<[string, Partial<Instance>]>([
    ['another version', { version: '1.1.0' }],
    ['as a canary', { canary: true }],
    ['another address', { address: '10.0.0.2' }],
    ['another port', { grpcPort: 3 }],
  ])('%s: gets a stream of its own; what waits on the old one is still answered', async (_name, changes) => {
    const { buy, list, newest, opened } = await startStreams(a);
    const old = newest('a');
    const before = buy();
    await pass(2);

    const changed = instance('a', changes);
    list(changed);
    await pass(1);
    const after = buy();
    await pass(2);
    old.answer({ orderNo: '7' });
    newest('a').answer({ orderNo: '8' });
    await pass(100);

    expect(opened.map((stream) => stream.instance)).toEqual([a, changed]);
    expect(before).toMatchObject({ orderNo: '7', version: '1.0.0' });
    expect(after).toMatchObject({ orderNo: '8', version: changed.version });
    expect([old.isCancelled, newest('a').isCancelled]).toEqual([true, false]);
  });

  test('the same list again changes nothing', async () => {
    const { list, opened } = await startStreams(a, b);

    list({ ...b }, { ...a, httpPort: 9 });
    await pass(1_000);

    expect(opened).toHaveLength(2);
    expect(opened.some((stream) => stream.isCancelled)).toBe(false);
  });
});

describe('a stream that takes long to open', () => {
  async function slow() {
    const fixture = await startStreams();
    let connected = () => undefined as void;
    const asked = jest.fn(() => new Promise<void>((resolve) => (connected = resolve)));
    fixture.gate.connect = asked;
    fixture.list(a);
    return { ...fixture, asked, connected: () => connected() };
  }

  test('is opened once', async () => {
    const { asked, connected, opened, served } = await slow();
    await pass(2_000);

    connected();
    await pass(1_000);

    expect(asked).toHaveBeenCalledTimes(1);
    expect(opened).toHaveLength(1);
    expect(await served()).toBe('a');
  });

  test.each(['the instance has left', 'all has stopped'])('is cancelled when %s meanwhile', async (what) => {
    const { connected, opened, list, streams } = await slow();

    if (what === 'the instance has left') list();
    else await streams.stop();
    connected();
    await pass(1_000);

    expect(opened.map(({ isCancelled }) => isCancelled)).toEqual([true]);
  });
});

describe('an instance that takes purchases and does not answer', () => {
  /** On `a`: all that wait there, so that the next goes to `b`. */
  async function mute() {
    const fixture = await startStreams(a, b);
    for (let turn = 0; turn < 3; turn += 1) {
      fixture.buy();
      await pass(2);
      await fixture.served();
      await pass(timeoutMs + 100);
    }
    expect(fixture.newest('a').received).toHaveLength(3);
    return fixture;
  }

  test('gets none after three time-outs, and one a second later; each failure doubles the time', async () => {
    const { served, newest, buy, lines } = await mute();
    const gone = () => newest('a').received.length;
    for (let turn = 0; turn < 10; turn += 1) expect(await served()).toBe('b');
    expect(gone()).toBe(3);

    await pass(1_000);
    const probe = buy();
    await pass(2);
    expect(await served()).toBe('b');
    await pass(timeoutMs + 100);
    expect(probe.code).toBe(504000);
    expect(gone()).toBe(4);
    await pass(1_500);
    expect(await served()).toBe('b');
    await pass(500);
    expect(await served()).toBe('a');

    expect(lines.filter(({ msg }) => msg === 'purchase stream put aside')).toMatchObject([
      { instance: 'a', times: 1 },
      { instance: 'a', times: 2 },
    ]);
  });

  test('is in use again after one good answer', async () => {
    const { served, buy, newest } = await mute();
    await pass(1_000);

    expect(await served()).toBe('a');

    buy();
    buy();
    await pass(2);
    expect([newest('a'), newest('b')].map(({ received }) => received.length)).toEqual([5, 4]);
  });

  test('is asked when there is no other', async () => {
    const { served, list } = await mute();

    list(a);

    expect(await served()).toBe('a');
  });
});

describe('what became of a purchase is not known', () => {
  const again = { code: 503001, retryAfter: 1 };

  test('when its stream breaks: who sent a key may try again, who did not may have bought', async () => {
    const { buy, newest } = await startStreams(a);
    const [withKey, without] = [buy('k'), buy()];
    await pass(2);
    const notSent = buy();

    newest('a').emit('error', new Error('gone'));

    expect(withKey).toMatchObject(again);
    expect(without).toMatchObject({ code: 504000, retryAfter: undefined });
    expect(notSent).toMatchObject(again);
  });

  test('when the gateway itself stood still for longer: its answer may have come meanwhile, and counts', async () => {
    const { buy, newest } = await startStreams(a);
    const purchase = buy();
    await pass(timeoutMs - 300);
    const time = performance.now.bind(performance);
    const stoodStill = jest.spyOn(performance, 'now').mockImplementation(() => time() + 30_000);

    await pass(100);
    newest('a').answer();

    expect(purchase.orderNo).toBe('1');
    stoodStill.mockRestore();
  });

  test('when its time is up: the same', async () => {
    const { buy } = await startStreams(a);
    const [withKey, without] = [buy('k'), buy()];

    await pass(timeoutMs + 100);

    expect(withKey).toMatchObject({ code: 504000, retryAfter: 1 });
    expect(without).toMatchObject({ code: 504000, retryAfter: undefined });
  });
});

test.each([0, -5, 200_000, 600_000, 2_147_483_647])(
  'a refusal with the code %d is an internal error, told in the log and held against the instance',
  async (code) => {
    const { buy, newest, outcomes, lines } = await startStreams(a);
    const bought = buy();
    await pass(2);

    newest('a').answer({ refusal: { code, reason: '', message: '', retryAfterSeconds: 0 } });

    expect(bought).toMatchObject({ code: 500000, version: '1.0.0' });
    expect(outcomes).toEqual(['1.0.0 failed']);
    expect(lines.filter(({ msg }) => msg === 'malformed refusal of a purchase')).toMatchObject([
      { instance: 'a', refusal: { code } },
    ]);
  },
);
