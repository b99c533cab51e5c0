// Generates src/gen from the .proto files, with exactly the options that src/load.ts loads them with, where they have changed.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const stamp = 'src/gen/.sources';
const files = globSync('onrush/**/*.proto').sort();
const hash = createHash('sha256');
for (const file of [...files, 'scripts/generate.mjs']) hash.update(readFileSync(file));
const sources = hash.digest('hex');

if (!isUpToDate()) {
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
  // Last, so that an interrupted run is not taken for a finished one.
  writeFileSync(stamp, sources);
}

function isUpToDate() {
  try {
    return readFileSync(stamp, 'utf8') === sources;
  } catch {
    return false;
  }
}
