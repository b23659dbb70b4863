/** Programs of Debian's packages that are unpacked into a directory that git ignores, since to install them would change the machine. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

export interface UnpackedProgram {
  /** Debian's package. */
  readonly package: string;
  /** Its path below the root directory. */
  readonly program: string;
  readonly reason: string;
}

export const UNPACKED = {
  firewalld: {
    package: 'firewalld',
    program: 'usr/sbin/firewalld',
    reason: 'the firewall of Fedora, RHEL and SUSE, which would filter the machine itself once installed',
  },
  ufw: {
    package: 'ufw',
    program: 'usr/sbin/ufw',
    reason: 'the firewall of Ubuntu, which would filter the machine itself once enabled',
  },
  'dbus-daemon': {
    package: 'dbus-daemon',
    program: 'usr/bin/dbus-daemon',
    reason: 'the bus on which firewall-cmd talks to firewalld',
  },
} as const satisfies Record<string, UnpackedProgram>;

export type UnpackedName = keyof typeof UNPACKED;

/** What the packages hold, with all they depend on that the machine has not: a directory `usr` and a directory `etc`. */
export const UNPACKED_ROOT = join(import.meta.dir, '../../.cache/debian/root');

/** Why a program cannot be used, or undefined where it is unpacked, or installed on this machine. */
export function whyNotUnpacked(...names: readonly UnpackedName[]): string | undefined {
  const missing = names.filter((name) => isMissing(name));
  return missing.length === 0 ? undefined : `Debian's package ${missing.join(', ')} is not unpacked`;
}

export function isMissing(name: UnpackedName): boolean {
  const { program } = UNPACKED[name];
  return ![UNPACKED_ROOT, '/'].some((root) => existsSync(join(root, program)));
}
