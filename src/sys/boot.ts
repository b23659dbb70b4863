/** Which boot of the machine this is. */

import { Fault } from '../fault.ts';
import { readWholeText } from './file.ts';

const FILE = '/proc/sys/kernel/random/boot_id';

/**
 * The kernel's random ID of this boot: nothing that lived in an earlier one (a netns, a process) lives now. An empty file
 * mounted over it would make every lease one of another boot. @throws Fault `io` where it is no ID, SystemError
 */
export function bootId(): string {
  const id = readWholeText(FILE).trim();
  if (/^[0-9a-f-]{36}$/.test(id)) return id;
  throw new Fault('io', `cannot tell which boot this is: ${FILE} holds no ID`, {
    details: 'Something is mounted over it. Without it, leases of an earlier boot cannot be told from those in use.',
  });
}
