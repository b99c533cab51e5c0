import { Command, InvalidArgumentError } from 'commander';

export interface RehearsalOptions {
  units: number;
  buyers: number;
  /** First tries a second. */
  rate: number;
  connections: number;
  payShare: number;
  cancelShare: number;
  /** Of those who have a unit: who repeat their request under its key. */
  repeatShare: number;
  /** Of the buyers: who ask for a second unit in the same moment. */
  twiceShare: number;
  paymentSeconds: number;
  /** The product that is rehearsed; without it, the first one on sale. */
  product?: string;
  /** What must hold. */
  p99Ms: number;
  errors: number;
  drainSeconds: number;
}

/** Access tokens of synthetic users live ten minutes, and are not renewed. */
const longestSeconds = 480;

/** A number within bounds. */
const number =
  (from: number, to: number, { isWhole = false } = {}) =>
  (text: string): number => {
    const value = Number(text);
    const fits = text.trim() !== '' && value >= from && value <= to && (!isWhole || Number.isInteger(value));
    if (fits) return value;
    throw new InvalidArgumentError(`Expected a${isWhole ? ' whole' : ''} number from ${from} to ${to}.`);
  };
const whole = (from: number, to: number) => number(from, to, { isWhole: true });
const share = number(0, 1);

const id = (text: string): string => {
  if (/^[1-9]\d{0,18}$/.test(text)) return text;
  throw new InvalidArgumentError('Expected an id: decimal digits.');
};

/** Throws a CommanderError with exit code 2 for arguments that it does not know, before anything is done. */
export function createRehearsalProgram(action: (options: RehearsalOptions) => Promise<void>): Command {
  const program = new Command('npm run rehearse --');
  return program
    .description(
      'Rehearses a sale on the fleet that runs: synthetic buyers, units that are nobody’s, mock payments, no messages. ' +
        'Ends with GO (0) or NO-GO (1), and a report in .local/rehearsal.',
    )
    .exitOverride((error) => {
      if (error.exitCode !== 0) error.exitCode = 2;
      throw error;
    })
    .option('--units <n>', 'units for sale', whole(1, 100_000), 200)
    .option('--buyers <n>', 'synthetic buyers', whole(1, 20_000), 1_000)
    .option('--rate <n>', 'tries a second, whether the last ones are answered or not', whole(1, 20_000), 500)
    .option('--connections <n>', 'keep-alive connections of the buyers', whole(1, 1_600), 128)
    .option('--pay-share <x>', 'of those who have a unit: who pay', share, 0.6)
    .option('--cancel-share <x>', 'who cancel; the others let their time run out', share, 0.2)
    .option('--repeat-share <x>', 'who repeat their request under its key', share, 0.2)
    .option('--twice-share <x>', 'of the buyers: who ask for a second unit', share, 0.2)
    .option('--payment-seconds <n>', 'the time to pay', whole(1, 300), 60)
    .option('--product <id>', 'the product that is rehearsed; the first one on sale unless said', id)
    .option('--p99-ms <n>', 'GO only if 99 of 100 tries are answered within', number(0, 60_000), 1_000)
    .option('--errors <x>', 'GO only if no larger share of the tries fails', share, 0.01)
    .option('--drain-seconds <n>', 'GO only if all accepted purchases are orders after', whole(1, 300), 30)
    .action(async (options: RehearsalOptions) => {
      const problem = problemWith(options);
      if (problem) program.error(`error: ${problem}`);
      await action(options);
    });
}

function problemWith(options: RehearsalOptions): string | undefined {
  const { payShare, cancelShare, buyers, rate, twiceShare, paymentSeconds, drainSeconds } = options;
  if (payShare + cancelShare > 1) return '--pay-share and --cancel-share are more than 1 together';
  const seconds = (buyers * (1 + twiceShare)) / rate + paymentSeconds + drainSeconds * 2;
  if (seconds > longestSeconds)
    return `that may take ${Math.ceil(seconds)} s, and access tokens are good for ${longestSeconds} s of rehearsal: fewer buyers, a higher rate, or less time to pay`;
  return undefined;
}
