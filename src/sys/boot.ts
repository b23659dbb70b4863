/** Which boot of the machine this is. */

import { readFileSync } from 'node:fs';

/** The kernel's random ID of this boot: nothing that lived in an earlier one (a netns, a process) lives now. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
