import { defineConfig } from 'eslint/config';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';
import maxOwnLines from './scripts/eslint/max-own-lines.js';

const onrush = { rules: { 'max-own-lines': maxOwnLines } };

const services = ['user', 'auth', 'product', 'seckill', 'order', 'payment', 'notify'].map(
  (name) => `${name}-service`,
);
const ourPackages = [...services, 'gateway', 'e2e', 'bench'].map((name) => `@onrush/${name}`);

/** What a layer must not import; imports point forward only: main → app → handlers → use-cases → domain. */
const layer = (folder, forbidden) => ({
  files: services.map((service) => `${service}/src/${folder}/**/*.ts`),
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: forbidden,
            message: `${folder} must not import this layer (architecture: imports point forward only)`,
          },
          {
            group: [...ourPackages, ...ourPackages.map((name) => `${name}/*`)],
            message: 'services never import each other',
          },
        ],
      },
    ],
  },
});

const above = {
  handlers: '**/handlers/**',
  useCases: '**/use-cases/**',
  data: '**/data/**',
  clients: '**/clients/**',
  app: '**/app',
  main: '**/main',
};

export default defineConfig(
  { ignores: ['**/dist/**', '**/node_modules/**', '**/coverage/**', '.local/**', 'proto/src/gen/**'] },
  {
    settings: {
      // Without these two the cycle rule does not look into a .ts file, and finds nothing.
      'import-x/extensions': ['.ts', '.js'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [
        createTypeScriptImportResolver({
          project: './tsconfig.tests.json',
          conditionNames: ['onrush-src', 'types', 'node', 'require', 'default'],
        }),
      ],
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { project: './tsconfig.tests.json', tsconfigRootDir: import.meta.dirname },
    },
    plugins: { 'import-x': importX, onrush },
    rules: {
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/require-await': 'error',
      // Our factories return closures, which have no `this` to lose.
      '@typescript-eslint/unbound-method': 'off',
      'max-lines': ['error', { max: 300, skipBlankLines: false, skipComments: false }],
      'onrush/max-own-lines': ['error', 60],
      'max-params': ['error', 4],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
    },
  },
  {
    files: ['chassis/src/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@onrush/*'], message: 'the chassis imports nothing of ours' }] },
      ],
    },
  },
  {
    files: services.map((service) => `${service}/src/*.ts`),
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: [...ourPackages, ...ourPackages.map((name) => `${name}/*`)],
              message: 'services never import each other',
            },
          ],
        },
      ],
    },
  },
  layer('handlers', [above.app, above.main]),
  layer('use-cases', [above.handlers, above.app, above.main]),
  layer('data', [above.handlers, above.useCases, above.clients, above.app, above.main]),
  layer('clients', [above.handlers, above.useCases, above.data, above.app, above.main]),
  layer('domain', [
    above.handlers,
    above.useCases,
    above.data,
    above.clients,
    above.app,
    above.main,
    'typeorm',
    'ioredis',
    'kafkajs',
    'express',
    '@grpc/*',
  ]),
  {
    // Commands talk to a person on the terminal; services talk to their log.
    files: [
      'e2e/**/*.ts',
      'bench/**/*.ts',
      '*/src/migrate.ts',
      '*/src/bootstrap-*.ts',
      '*/src/verify-*.ts',
      'chassis/src/mysql.ts',
    ],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['**/test/**/*.ts'],
    rules: {
      'onrush/max-own-lines': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', 'scripts/**/*.js', 'deploy/**/*.js'],
    plugins: { onrush },
    rules: {
      'max-lines': ['error', { max: 300 }],
      'onrush/max-own-lines': ['error', 60],
      eqeqeq: 'error',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
);
