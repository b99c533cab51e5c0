'use strict';
const fs = require('node:fs');
const path = require('node:path');

/** Where the kernel's groups for processor time may be: version 1 of cgroups, and version 2. */
const usualRoots = ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup'];
const groupName = 'onrush-background';

/**
 * Puts a process, and all that it starts, where it has the processors while nobody else wants them and is interrupted as soon as somebody does: a
 * group with `cpu.idle` (Linux 5.15, "Control Group v2", section CPU). Niceness alone lets the nicest keep a processor until the next tick of the
 * clock, some milliseconds each time, and there are four hands between a buyer and his answer. Within the group niceness counts as ever.
 *
 * False where we may not, or the kernel has no such groups.
 */
function joinBackground(pid, roots = usualRoots) {
  return roots.some((root) => {
    const group = path.join(root, groupName);
    try {
      fs.mkdirSync(group, { recursive: true });
      // Not written where it is missing: in a plain folder it would become a file.
      fs.accessSync(path.join(group, 'cpu.idle'));
      fs.writeFileSync(path.join(group, 'cpu.idle'), '1');
      fs.writeFileSync(path.join(group, 'cgroup.procs'), String(pid));
      return true;
    } catch {
      removeGroup(group);
      return false;
    }
  });
}

/** When the last one has ended; as long as somebody is in it, it stays. */
const leaveBackground = (roots = usualRoots) =>
  roots.forEach((root) => removeGroup(path.join(root, groupName)));

function removeGroup(group) {
  try {
    fs.rmdirSync(group);
  } catch {
    // It is in use, or was never there.
  }
}

module.exports = { joinBackground, leaveBackground };
