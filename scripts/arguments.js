'use strict';

const commands = {
  start: {
    usage: 'npm start [-- --once | --no-demo] [--observe]',
    about: 'Brings up the servers and the fleet, and runs the demo sale.',
    flags: {
      '--once': 'end with a status after the demo sale',
      '--no-demo': 'no demo sale',
      '--observe':
        'with Jaeger, Prometheus and Alertmanager beside it: every request is traced (TRACE_RATIO: fewer)',
    },
  },
  stop: {
    usage: 'npm stop',
    about: 'Ends the fleet and the servers that were started from this checkout.',
    flags: {},
  },
  status: { usage: 'node scripts/onrush.js status', about: 'Says what runs.', flags: {} },
  test: {
    usage: 'npm test [-- <arguments for Jest>]',
    about: 'Checks format, lint and types, and runs all tests, or those that the arguments name.',
    flags: {},
    passes: true,
  },
  bench: {
    usage: 'npm run bench -- <name> [--help]',
    about: 'Runs a benchmark on a fleet of its own.',
    flags: {},
    passes: true,
  },
  'verify-sale': {
    usage: 'npm run verify-sale -- <activity> [--head <seq>:<hash>]',
    about: 'Checks the record of a sale, and the ledger against it.',
    flags: {},
    passes: true,
  },
  rehearse: {
    usage: 'npm run rehearse [-- --help]',
    about: 'Rehearses a sale on the fleet that runs: synthetic buyers, no real unit, no money, no message.',
    flags: {},
    passes: true,
  },
  image: {
    usage: 'npm run image -- <service> [--version=<version>]',
    about: 'Builds the image of a service, with Docker or with buildah, and says how large it is.',
    flags: {},
    passes: true,
  },
  infra: {
    usage: 'node scripts/onrush.js infra <up|down>',
    about: 'Brings up or ends the servers alone.',
    flags: {},
    words: ['up', 'down'],
  },
};

class UsageError extends Error {}

/** `{ command, flags, rest, help }`; throws UsageError for what it does not know. */
function parseArguments(args) {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h') return { help: overview() };
  const command = commands[name];
  if (!command) throw new UsageError(`unknown command "${name}"\n\n${overview()}`);
  if (!command.passes && (rest.includes('--help') || rest.includes('-h'))) return { help: helpOf(command) };
  if (command.passes) return { command: name, flags: {}, rest };
  const flags = {};
  const words = [];
  for (const argument of rest) {
    if (argument in command.flags) flags[argument.slice(2)] = true;
    else if (command.words?.includes(argument)) words.push(argument);
    else throw new UsageError(`unknown argument "${argument}"\n\n${helpOf(command)}`);
  }
  if (command.words && words.length !== 1) throw new UsageError(helpOf(command));
  return { command: name, flags, rest: words };
}

const helpOf = ({ usage, about, flags }) =>
  [usage, `  ${about}`, ...Object.entries(flags).map(([flag, text]) => `  ${flag.padEnd(12)} ${text}`)].join(
    '\n',
  );

const overview = () =>
  Object.values(commands)
    .map(({ usage, about }) => `${usage}\n  ${about}`)
    .join('\n');

module.exports = { parseArguments, UsageError };
