'use strict';
const { provideTools } = require('../tools/tools');

/** `npm test` has installed them before; a run of one file alone may have to wait for them here. */
const toolsAtHand = () => provideTools({ step: (_name, work) => work() });
const installLimitMs = 300_000;

module.exports = { installLimitMs, toolsAtHand };
