'use strict';
const { tools, whatIsMissing } = require('../tools/tools');

test('what cannot be had is named, with the ways to get it', () => {
  const message = whatIsMissing(tools);

  for (const { name } of tools) expect(message).toMatch(new RegExp(`^  ${name}: .*(on the PATH|pip)`, 'm'));
});
