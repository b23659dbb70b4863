// The machine that the figures are from.

import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

/** CPU, cores, memory, kernel and distribution. */
export function describeMachine() {
  const processors = cpus();
  return {
    cpu: processors[0].model.trim(),
    cores: processors.length,
    memoryGiB: Number((totalmem() / 2 ** 30).toFixed(1)),
    kernel: release(),
    distribution: /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1],
  };
}
