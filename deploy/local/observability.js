'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./paths');

const folder = path.join(root, 'deploy', 'observability');

/** There once the packages are installed, as everybody is who observes. */
const read = (...parts) => require('yaml').parse(fs.readFileSync(path.join(folder, ...parts), 'utf8'));

/**
 * The files of rules, by name, as JSON. `isHurried`: the same rules, and nobody waits whether what is wrong stays so: a test would sit there for minutes.
 */
function rules({ isHurried = false } = {}) {
  const files = fs.readdirSync(path.join(folder, 'rules')).filter((file) => file.endsWith('.yaml'));
  return Object.fromEntries(
    files.map((file) => {
      const { groups } = read('rules', file);
      if (isHurried) for (const rule of groups.flatMap((group) => group.rules)) if (rule.for) rule.for = '0s';
      return [path.basename(file, '.yaml'), JSON.stringify({ groups }, null, 2)];
    }),
  );
}

/** Of Alertmanager: what everybody has, before it is said whom it tells. */
function alertRouting({ isHurried = false } = {}) {
  const routing = read('alertmanager.yaml');
  if (isHurried) Object.assign(routing.route, { group_wait: '0s', group_interval: '1s' });
  return routing;
}

module.exports = { alertRouting, rules };
