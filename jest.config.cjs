const typescript = [
  '@swc/jest',
  {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2024', keepClassNames: true },
    module: { type: 'commonjs' },
    sourceMaps: 'inline',
  },
];

const project = (name, rootDir = `${__dirname}/${name}`, tests = 'test/**/*.test.ts') => ({
  displayName: name,
  rootDir,
  testEnvironment: 'node',
  testMatch: [`<rootDir>/${tests}`],
  // Workspaces are tested from their sources, so that no test ever sees a stale build.
  testEnvironmentOptions: { customExportConditions: ['onrush-src', 'node', 'require', 'default'] },
  transform: { '\\.ts$': typescript },
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  coveragePathIgnorePatterns: ['/node_modules/', '/dist/', '/test/', '/proto/src/gen/'],
});

const packages = [
  'chassis',
  'proto',
  'gateway',
  'user-service',
  'auth-service',
  'product-service',
  'seckill-service',
  'order-service',
  'payment-service',
  'notify-service',
  'e2e',
  'bench',
];

module.exports = {
  projects: [
    ...packages.map((name) => project(name)),
    project('deploy', `${__dirname}/deploy`, '*/test/**/*.test.js'),
  ],
  coverageProvider: 'v8',
  coverageReporters: ['json-summary', 'lcovonly'],
  maxWorkers: 2,
  testTimeout: 30_000,
};
