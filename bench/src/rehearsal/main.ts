import { CommanderError } from 'commander';
import { readFleetAddress } from '@onrush/e2e/environment';
import { createRehearsalProgram } from './program';
import { rehearse } from './rehearse';

createRehearsalProgram(async (options) => {
  process.exitCode = (await rehearse(readFleetAddress(), options)) ? 0 : 1;
})
  .parseAsync()
  .catch((error: unknown) => {
    if (error instanceof CommanderError) return process.exit(error.exitCode);
    console.error(
      `NO-GO: the rehearsal could not be carried out: ${error instanceof Error ? error.message : String(error)}`,
    );
    process.exitCode = 1;
  });
