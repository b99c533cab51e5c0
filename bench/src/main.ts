import { Command, InvalidArgumentError } from 'commander';
import { benchSeckill, type SeckillOptions } from './seckill';

const positive = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('expected a whole number from 1 up');
  return value;
};

const program = new Command('npm run bench --').description(
  'Benchmarks. Each starts a fleet of its own, prints a table, and writes bench/results/<name>.json.',
);

program
  .command('seckill')
  .description('accepted purchases per second, through the gateway and straight at seckill-service')
  .option('--rounds <n>', 'rounds of each target', positive, 5)
  .option('--purchases <n>', 'units for sale in a round', positive, 32_000)
  .option('--buyers <n>', 'buyers who share the purchases', positive, 8_000)
  .option('--connections <n>', 'keep-alive connections of the load generator', positive, 256)
  .option('--profile <services...>', 'keep the CPU profiles of these services in .local/profile')
  .action((options: SeckillOptions) => benchSeckill(options));

program.parseAsync().catch((error: unknown) => {
  console.error(error instanceof Error ? error.stack : error);
  process.exitCode = 1;
});
