import os from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { processNames } from '../../deploy/local/fleet';
import type { GatewayOptions } from './gateway';
import { seckillParts, type SeckillOptions } from './seckill';
import type { TracingOptions } from './tracing';

/** What the commands do; handed in, so that arguments can be checked without a fleet. */
export interface Actions {
  seckill(options: SeckillOptions): Promise<void>;
  gateway(options: GatewayOptions): Promise<void>;
  tracing(options: TracingOptions): Promise<void>;
  capacity(): void;
}

/** A whole number within bounds. */
const whole =
  (from: number, to = 10_000_000) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= from && value <= to) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${from} to ${to}.`);
  };

const share = (text: string): number => {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a number from 0 to 1.');
};

/** Throws a CommanderError with exit code 2 for arguments that it does not know, before anything is done. */
export function createProgram(actions: Actions): Command {
  const program = new Command('npm run bench --')
    .description(
      'Benchmarks. Each starts a fleet of its own, prints a table, and writes bench/results/<name>.json.',
    )
    .exitOverride((error) => {
      if (error.exitCode !== 0) error.exitCode = 2;
      throw error;
    });

  addSeckill(program, actions);
  addGateway(program, actions);
  addTracing(program, actions);
  program
    .command('capacity')
    .description('writes docs/capacity.md anew from the results, without measuring')
    .action(() => actions.capacity());

  return program;
}

function addSeckill(program: Command, actions: Actions): void {
  program
    .command('seckill')
    .description('purchases: at the peak, sustained, until all is sold, and under ten times the load')
    .addOption(
      new Option('--parts <parts...>', 'only these; nothing is written then')
        .choices(seckillParts)
        .default(seckillParts),
    )
    .option('--rounds <n>', 'rounds of each target at the peak', whole(1, 1_000), 5)
    .option('--purchases <n>', 'units for sale in a round of the peak', whole(1), 32_000)
    .option('--connections <n>', 'keep-alive connections of the load generator', whole(1, 1_600), 256)
    .option('--workers <n>', 'workers of the gateway', whole(1, 64), os.availableParallelism())
    .option('--sustained-seconds <n>', 'how long the sustained load lasts', whole(1, 120), 30)
    .option('--gateway-rate <n>', 'purchases a second that are due at the gateway', whole(1, 100_000), 10_100)
    .option('--service-rate <n>', 'purchases a second that are due at the service', whole(1, 100_000), 15_100)
    .option('--units <n>', 'units, and buyers, of the sell-out', whole(1, 400_000), 100_000)
    .option(
      '--overload-seconds <n>',
      'how long each step of the overload is measured, after all have arrived',
      whole(1, 30),
      8,
    )
    .addOption(
      new Option(
        '--profile <processes...>',
        'keep the CPU profiles of these processes in .local/profile',
      ).choices(processNames),
    )
    .action((options: SeckillOptions) => actions.seckill(options));
}

function addGateway(program: Command, actions: Actions): void {
  program
    .command('gateway')
    .description('the gateway beside nginx and http-proxy-middleware: throughput, latency, purchases, memory')
    .option('--rounds <n>', 'rounds of each target', whole(1, 1_000), 5)
    // A round has six targets, and has to end before the access tokens do.
    .option('--seconds <n>', 'seconds of load on each target in a round', whole(1, 40), 6)
    .option('--purchases <n>', 'units for sale in a round', whole(1), 24_000)
    .option('--buyers <n>', 'buyers who share the purchases', whole(1, 15_000), 8_000)
    .option('--connections <n>', 'keep-alive connections of purchases', whole(1, 4_000), 256)
    .option(
      '--memory-minutes <n>',
      'minutes of load while the memory is watched; 0: not at all',
      whole(0, 1_440),
      10,
    )
    .action((options: GatewayOptions) => actions.gateway(options));
}

function addTracing(program: Command, actions: Actions): void {
  program
    .command('tracing')
    .description('what tracing costs: purchases of a fleet that is traced, beside one that is not')
    .option('--ratio <share>', 'of the requests, traced whatever becomes of them', share, 0.01)
    .option('--rounds <n>', 'rounds of each fleet', whole(1, 1_000), 7)
    .option('--purchases <n>', 'units for sale in a round', whole(1), 32_000)
    .option('--connections <n>', 'keep-alive connections to each gateway', whole(1, 800), 256)
    .option('--workers <n>', 'workers of each gateway', whole(1, 64), os.availableParallelism())
    .action((options: TracingOptions) => actions.tracing(options));
}
