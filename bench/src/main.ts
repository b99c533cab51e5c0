import { CommanderError } from 'commander';
import { NoResultError, writeCapacityPage } from './capacity-page';
import { benchGateway } from './gateway';
import { createProgram } from './program';
import { benchSeckill } from './seckill';
import { benchTracing } from './tracing';

// What we started is ended on the way out.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

createProgram({
  seckill: benchSeckill,
  gateway: benchGateway,
  tracing: benchTracing,
  capacity: () => console.log(`written: ${writeCapacityPage()}`),
})
  .parseAsync()
  .catch((error: unknown) => {
    if (error instanceof CommanderError) return process.exit(error.exitCode);
    if (error instanceof NoResultError) console.error(error.message);
    else console.error(error instanceof Error ? error.stack : error);
    process.exitCode = 1;
  });
