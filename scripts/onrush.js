'use strict';
const { parseArguments, UsageError } = require('./arguments');

/** The one entry of every command. Until the packages are there it uses nothing but Node itself. */
async function main() {
  const { command, flags, rest, help } = parseArguments(process.argv.slice(2));
  if (help) return console.log(help);
  const { createProgress } = require('./progress');
  const progress = createProgress();
  switch (command) {
    case 'start':
      return require('./start').start(progress, flags);
    case 'stop':
      return require('./start').stop(progress);
    case 'status':
      return require('./start').status(progress);
    case 'test':
      return require('./test').test(progress, rest);
    case 'bench':
      return require('./bench').bench(progress, rest);
    case 'verify-sale':
      return require('./verify-sale').verifySale(progress, rest);
    case 'rehearse':
      return require('./rehearse').rehearse(progress, rest);
    case 'image':
      return require('../deploy/docker/image').image(progress, rest);
    case 'infra': {
      const { serversDown, serversUp } = require('../deploy/local/servers');
      return rest[0] === 'up' ? serversUp(progress) : serversDown(progress);
    }
  }
}

main().catch((error) => {
  console.error(error instanceof UsageError ? error.message : `\n${error.message}`);
  process.exit(error instanceof UsageError ? 2 : 1);
});
