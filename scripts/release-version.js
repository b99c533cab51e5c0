'use strict';
const fs = require('node:fs');
const { version } = require('../package.json');

/** The version that a tag releases, for the steps that follow; the tag and package.json have to say the same. */
const { GITHUB_REF_NAME: tag = '', GITHUB_OUTPUT: output } = process.env;
if (tag !== `v${version}`) {
  console.error(
    `package.json: version: expected "${tag.replace(/^v/, '')}", as the tag "${tag}" says, found "${version}"`,
  );
  process.exit(2);
}
if (output) fs.appendFileSync(output, `version=${version}\n`);
console.log(version);
