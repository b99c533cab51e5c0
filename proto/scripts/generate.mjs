// Generates src/gen from the .proto files, with exactly the options that src/load.ts loads them with.
import { execFileSync } from 'node:child_process';
import { globSync, rmSync } from 'node:fs';

const files = globSync('onrush/**/*.proto').sort();
rmSync('src/gen', { recursive: true, force: true });
execFileSync(
  'proto-loader-gen-types',
  [
    '--longs=String',
    '--enums=String',
    '--defaults',
    '--oneofs',
    '--grpcLib=@grpc/grpc-js',
    '-I',
    '.',
    '--outDir=src/gen',
    ...files,
  ],
  { stdio: 'inherit' },
);
