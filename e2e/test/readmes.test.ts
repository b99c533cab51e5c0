import { existsSync, globSync } from 'node:fs';
import path from 'node:path';
import { environmentName, serviceConfig } from '@onrush/chassis/config';
import * as proto from '@onrush/proto';
import type { z } from 'zod';
import { found, listedPages, listedRoutes, root, rows, sources, text } from './pages';

interface Shape {
  [key: string]: z.ZodType;
}
const shared: Shape = serviceConfig;

/** `NAME` and default as a README has them. */
const keyRow = ([key, schema]: [string, z.ZodType]): [string, string] => {
  const parsed = schema.safeParse(undefined);
  if (!parsed.success) return [environmentName(key), 'required'];
  const value = parsed.data as string | number | boolean | object;
  const written = typeof value === 'object' ? JSON.stringify(value) : String(value);
  // Nobody reads a table with a cell of a page: such a default has one of its own.
  return [environmentName(key), written.length > 200 ? 'see below' : written];
};
const documentedKeys = (readme: string) =>
  rows(readme, /^[A-Z][A-Z_]+$/)
    .filter((cells) => cells.length === 3)
    .map(([key = '', value = '']) => [key, value]);

const services = ['user', 'auth', 'product', 'seckill', 'order', 'payment', 'notify'].map(
  (name) => `${name}-service`,
);

describe.each([...services, 'gateway'])('the README of %s', (service) => {
  const readme = text(service, 'README.md');

  test('names every error of its own', async () => {
    const { errors } = (await import(path.join(root, service, 'src', 'errors.ts'))) as {
      errors: { all: { code: number; reason: string; message: string }[] };
    };
    const own = errors.all.filter(({ code }) => code % 100 !== 0).sort((a, b) => a.code - b.code);

    expect(rows(readme, /^\d{6}$/)).toEqual(
      own.map(({ code, reason, message }) => [String(code), reason, message]),
    );
  });

  test('names every key of its own, with its default', async () => {
    const { configShape } = (await import(path.join(root, service, 'src', 'config.ts'))) as {
      configShape: Shape;
    };
    const own = Object.entries(configShape).filter(([key]) => !(key in shared));

    expect(documentedKeys(readme)).toEqual(own.map(keyRow));
  });
});

describe.each(services)('the README of %s', (service) => {
  const readme = text(service, 'README.md');

  test('names every route', () => {
    const served = found(sources(service, 'src/handlers/*.ts'), /'((?:GET|POST|PUT|DELETE) \/[^']*)'/g);

    expect(
      rows(readme, /^(GET|POST|PUT|DELETE) /)
        .map(([at = '']) => at)
        .sort(),
    ).toEqual(served);
  });

  test('names every table', () => {
    const made = found(sources(service, 'src/migrations/*.ts'), /CREATE TABLE (\w+)/g);

    expect(made.filter((table) => !readme.includes(`\`${table}\``))).toEqual([]);
  });

  test('names every RPC', () => {
    const served = found(sources(service, 'src/handlers/grpc.ts'), /^ {4}(\w+): \{/gm);

    expect(served.filter((method) => !readme.includes(`\`${method}\``))).toEqual([]);
  });

  test('names every topic, in and out', () => {
    const source = sources(service);
    const typeOf = (name: string) => (proto as unknown as Record<string, { type?: string }>)[name]?.type;
    const into = found(source, /\b(?:on|onEach|tell)\(\s*(\w+)/g).flatMap((name) => typeOf(name) ?? []);
    const out = found(source, /\bnewEvent\(\s*(\w+)/g).flatMap((name) => typeOf(name) ?? []);

    expect(
      rows(readme, /^[a-z]+\.[a-z-]+$/)
        .map((cells) => cells.join(' '))
        .sort(),
    ).toEqual([...into.map((type) => `${type} in`), ...out.map((type) => `${type} out`)].sort());
  });
});

describe('the gateway’s table of routes', () => {
  interface Routed {
    methods: string[];
    path: string;
    upstream: string;
    auth: 'public' | 'user' | { permission: string };
    rate: string;
  }
  const tabled = async (written: (route: Routed, method: string) => string): Promise<string[]> => {
    const { routes } = (await import(path.join(root, 'gateway', 'src', 'routes.ts'))) as { routes: Routed[] };
    return routes.flatMap((route) => route.methods.map((method) => written(route, method))).sort();
  };
  /** As docs/api.md has it; what providers call is for anybody who can sign. */
  const authOf = ({ auth, rate }: Routed): string => {
    if (auth === 'user') return 'U';
    if (auth !== 'public') return `A:${auth.permission}`;
    return rate === 'callback' ? 'S' : '—';
  };

  test('has every route of a service, and no other: what begins with /internal is called past it', async () => {
    const served = services.flatMap((service) =>
      found(sources(service, 'src/handlers/*.ts'), /'((?:GET|POST|PUT|DELETE) \/(?!internal\/)[^']*)'/g).map(
        (at) => `${service} ${at}`,
      ),
    );

    expect(await tabled(({ upstream, path: at }, method) => `${upstream} ${method} ${at}`)).toEqual(
      served.sort(),
    );
  });

  test('is what the page of the public API lists', async () => {
    const listed = listedRoutes().map(({ at, auth }) => `${at} ${auth}`);

    expect(listed.sort()).toEqual(
      await tabled((route, method) => `${method} ${route.path} ${authOf(route)}`),
    );
  });
});

test('the gateway’s README has the limits of every class, as they are by default', async () => {
  const { limitsSchema } = (await import(path.join(root, 'gateway', 'src', 'limits', 'limits.ts'))) as {
    limitsSchema: z.ZodType<Record<string, Record<string, Limit> & { without_redis: string }>>;
  };
  type Limit = { rate: number; burst: number } | { quota: number; window_seconds: number } | undefined;
  const written = (limit: Limit): string => {
    if (!limit) return '—';
    if ('rate' in limit) return `${limit.rate}/s, burst ${limit.burst}`;
    return `${limit.quota} in ${limit.window_seconds} s`;
  };

  const table = rows(text('gateway', 'README.md'), /^[a-z_]+$/).filter((cells) => cells.length === 6);

  expect(table).toEqual([
    ['class', 'user', 'address', 'API key', 'all together', 'without Redis'],
    ...Object.entries(limitsSchema.parse({})).map(([name, { without_redis, ...of }]) => [
      name,
      ...[of['user'], of['address'], of['api_key'], of['global']].map(written),
      without_redis,
    ]),
  ]);
});

test('the pages of the gateway itself are those that its README and the page of the public API list', async () => {
  const { ownPaths } = (await import(path.join(root, 'gateway', 'src', 'ends', 'own-pages.ts'))) as {
    ownPaths: Set<string>;
  };
  const { open, internal } = listedPages();
  const inReadme = rows(text('gateway', 'README.md'), /^`\//).map(([cell = '']) => cell);

  expect(open).toEqual([...ownPaths].sort());
  expect(internal).toEqual(['/metrics']);
  expect(found(inReadme.join(), /`([^`]*)`/g)).toEqual([...open, ...internal].sort());
});

test('the chassis’ README names every key that services share, and every file', () => {
  const readme = text('chassis', 'README.md');
  const files = globSync('src/*.ts', { cwd: path.join(root, 'chassis') }).map((file) =>
    path.basename(file, '.ts'),
  );

  expect(documentedKeys(readme)).toEqual(Object.entries(shared).map(keyRow));
  expect(files.filter((file) => !readme.includes(`\`${file}\``))).toEqual([]);
});

test('the figures of the README are those of the last benchmark', () => {
  const { metrics } = JSON.parse(text('bench', 'results', 'seckill.json')) as {
    metrics: Record<string, { median: number; min: number; max: number }>;
  };
  const cell = (metric: string, digits: number, unit = '') => {
    const spread = metrics[metric];
    const [median, min, max] = [spread?.median, spread?.min, spread?.max].map((value) =>
      value?.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }),
    );
    return `${median}${unit} (${min} … ${max})`;
  };
  const table = rows(text('README.md'), /^(accepted purchases|p\d\d|until the last|oversold)/);
  const targets = ['gateway', 'service'];

  expect(metrics['oversold']).toBe(0);
  expect(table.map(([, ...cells]) => cells)).toEqual([
    targets.map((target) => cell(`${target}_purchases_per_second`, 0)),
    targets.map((target) => cell(`${target}_p50_ms`, 1, ' ms')),
    targets.map((target) => cell(`${target}_p99_ms`, 1, ' ms')),
    targets.map((target) => cell(`${target}_drain_seconds`, 1, ' s')),
    targets.map(() => '0'),
  ]);
});

test('the figures of the README that are measured once are those of the last benchmark', () => {
  const { metrics } = JSON.parse(text('bench', 'results', 'seckill.json')) as {
    metrics: Record<string, number>;
  };
  const n = (metric: string, digits = 0) =>
    metrics[metric]?.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const share = (metric: string) => ((metrics[metric] ?? Number.NaN) * 100).toFixed(1);
  const sustained = (target: string) =>
    `${n(`sustained_${target}_accepted_per_second`)}/s accepted, p99 ${n(`sustained_${target}_p99_ms`)} ms, ${share(`sustained_${target}_error_share`)} % told to come back`;
  const ofEach = (metric: string) => [1, 2, 10].map((times) => n(`overload_${times}x_${metric}`)).join(', ');
  const table = rows(text('README.md'), /(are due|buyers|at once|they arrive)/);

  expect(table.map(([, figure]) => figure)).toEqual([
    sustained('gateway'),
    sustained('service'),
    `the last order is in MySQL after ${n('sell_out_seconds_to_last_order', 1)} s`,
    `${n('refused_per_second')}/s refused, p99 ${n('refused_p99_ms')} ms`,
    `${ofEach('accepted_per_second')} purchases/s, p99 ${ofEach('admitted_p99_ms')} ms; the refused of ten times wait ${n('overload_10x_refused_p99_ms')} ms`,
    `p99 ${ofEach('arriving_admitted_p99_ms')} ms; the refused of ten times wait ${n('overload_10x_arriving_refused_p99_ms')} ms`,
  ]);
});

test('what tracing costs, in the README of the chassis, is what the benchmark of it said', () => {
  const { metrics } = JSON.parse(text('bench', 'results', 'tracing.json')) as {
    metrics: Record<string, { median: number; min: number; max: number }>;
  };
  const readme = text('chassis', 'README.md');

  for (const name of ['traced_to_untraced_ratio', 'cpu_ratio']) {
    const { median, min, max } = metrics[name] ?? {};
    expect(readme).toContain(`${median} (${min} … ${max}) times`);
  }
});

test('the page of faults names every failpoint, and no other', () => {
  const passed = ['chassis', 'gateway', 'seckill-service', 'order-service'].map((folder) => sources(folder));

  const listed = rows(text('docs', 'faults.md'), /^`[a-z-]+\.[a-z-]+`$/).map(([place = '']) =>
    place.slice(1, -1),
  );

  expect(listed.sort()).toEqual(found(passed.join(), /failpoint\('([^']+)'\)/g));
});

test('every link between our pages leads somewhere', () => {
  const pages = globSync('{*.md,docs/*.md,*/README.md,deploy/*/README.md}', { cwd: root });
  const broken = pages.flatMap((page) =>
    found(text(page), /\]\(((?!https?:|#)[^)]+)\)/g)
      .map((link) => path.join(path.dirname(page), link.split('#')[0] ?? ''))
      .filter((target) => !existsSync(path.join(root, target)))
      .map((target) => `${page} → ${target}`),
  );

  expect(pages.length).toBeGreaterThan(12);
  expect(broken).toEqual([]);
});
