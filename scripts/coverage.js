'use strict';
const path = require('node:path');
const { local, readJson, root } = require('../deploy/local/paths');

const folder = path.join(local, 'coverage');
const leastOfServices = 80;

/**
 * Jest's line coverage, summed by package: `{ lines: 'gateway 93 %, …', isEnough }`. The services, the gateway among them, must have
 * 80 % together.
 */
function lineCoverage() {
  const packages = new Map();
  for (const [file, { lines }] of Object.entries(readJson(path.join(folder, 'coverage-summary.json'), {}))) {
    if (file === 'total') continue;
    const [name] = path.relative(root, file).split(path.sep);
    const sum = packages.get(name) ?? { total: 0, covered: 0 };
    packages.set(name, { total: sum.total + lines.total, covered: sum.covered + lines.covered });
  }
  const isService = (name) => name === 'gateway' || name.endsWith('-service');
  const services = [...packages].filter(([name]) => isService(name)).map(([, lines]) => lines);
  const add = (lines, key) => lines.reduce((sum, one) => sum + one[key], 0);
  const inAll = percent({ total: add(services, 'total'), covered: add(services, 'covered') });
  const each = [...packages].sort().map(([name, lines]) => `${name} ${percent(lines)} %`);
  return {
    lines: `line coverage: ${each.join(', ')}; services together ${inAll} %, at least ${leastOfServices} %`,
    isEnough: inAll >= leastOfServices,
  };
}

const percent = ({ total, covered }) => (total === 0 ? 0 : Math.round((1000 * covered) / total) / 10);

module.exports = { folder, lineCoverage };
