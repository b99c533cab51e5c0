import { execFileSync } from 'node:child_process';
import path from 'node:path';

const root = path.resolve(__dirname, '..', '..');

/** Lints each text as if it stood in its file, in one process; returns the rules that each breaks. */
function rulesBrokenBy(texts: [file: string, text: string][]): string[][] {
  const script = `
    const { ESLint } = require('eslint');
    const eslint = new ESLint();
    const texts = JSON.parse(process.argv[1]);
    Promise.all(texts.map(([filePath, text]) => eslint.lintText(text, { filePath }))).then((results) =>
      console.log(JSON.stringify(results.flat().map(({ messages }) => messages.map(({ ruleId }) => ruleId)))),
    );`;
  const output = execFileSync(process.execPath, ['-e', script, JSON.stringify(texts)], {
    cwd: root,
    // Where CI=true is set, typescript-eslint would otherwise read the file from the disk and not see our text.
    env: { ...process.env, TSESTREE_SINGLE_RUN: 'false' },
  });
  return JSON.parse(output.toString()) as string[][];
}

test('imports point forward only, services never import each other, and no file imports itself in a circle', () => {
  const forbidden = [
    ['order-service/src/domain/order.ts', "import '../data/order-repository';"],
    ['order-service/src/domain/order.ts', "import '../use-cases/cancel-order';"],
    ['order-service/src/domain/order.ts', "import 'typeorm';"],
    ['order-service/src/data/order-repository.ts', "import '../use-cases/cancel-order';"],
    ['order-service/src/data/order-repository.ts', "import '../clients/payments';"],
    ['order-service/src/clients/payments.ts', "import '../data/order-repository';"],
    ['order-service/src/use-cases/cancel-order.ts', "import '../handlers/events';"],
    ['order-service/src/handlers/events.ts', "import '../app';"],
    ['order-service/src/use-cases/cancel-order.ts', "import '@onrush/payment-service';"],
    ['order-service/src/app.ts', "import '@onrush/payment-service/app';"],
    ['chassis/src/outbox.ts', "import '@onrush/proto';"],
  ] as [string, string][];
  const circular = [['chassis/src/grpc-status.ts', "import './errors';"]] as [string, string][];

  const broken = rulesBrokenBy([...forbidden, ...circular]);

  const expected = [
    ...forbidden.map(() => 'no-restricted-imports'),
    ...circular.map(() => 'import-x/no-cycle'),
  ];
  expected.forEach((rule, index) => {
    expect([index, broken[index]]).toEqual([index, expect.arrayContaining([rule])]);
  });
}, 120_000);

test('what is allowed is not complained about', () => {
  const allowed: [string, string][] = [
    ['order-service/src/domain/order.ts', "import './order-states';\n"],
    ['order-service/src/use-cases/cancel-order.ts', "import '../data/order-repository';\n"],
    ['order-service/src/use-cases/cancel-order.ts', "import '@onrush/proto';\n"],
    ['order-service/src/handlers/events.ts', "import '../use-cases/cancel-order';\n"],
  ];

  expect(rulesBrokenBy(allowed)).toEqual(allowed.map(() => []));
}, 120_000);
