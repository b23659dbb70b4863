/** Which boot of the machine this is. */

import { readWholeText } from './file.ts';

/** The kernel's random ID of this boot: nothing that lived in an earlier one (a netns, a process) lives now. */
export function bootId(): string {
  return readWholeText('/proc/sys/kernel/random/boot_id').trim();
}
