/** Which tables of the older iptables there are. */

import type { Family } from '../../address/ip.ts';
import { type LegacyTable, readLegacyTable } from '../../netlink/xtables.ts';
import { EACCES, ENOENT } from '../../sys/errno.ts';
import { readText } from '../../sys/file.ts';
import { SystemError } from '../../sys/libc.ts';
import { decodeLatin1 } from '../../sys/text.ts';

const LISTS: Record<Family, string> = { 4: '/proc/net/ip_tables_names', 6: '/proc/net/ip6_tables_names' };

/** A table of this netns. Undefined where there is none; asking the kernel for it would make one. @throws SystemError */
export function findLegacyTable(family: Family, table: 'nat' | 'filter'): LegacyTable | undefined {
  return namesOf(family).includes(table) ? readLegacyTable(family, table) : undefined;
}

/** Whether one of the texts stands anywhere in such a table: the name of a chain, a comment. @throws SystemError */
export function legacyTableHolds(family: Family, table: 'nat' | 'filter', texts: readonly string[]): boolean {
  const found = findLegacyTable(family, table);
  return found !== undefined && holdsAny(found.entries, texts);
}

/** Latin-1 makes one character of each byte, so this finds a text in whatever surrounds it. */
export function holdsAny(bytes: Uint8Array, texts: readonly string[]): boolean {
  const content = decodeLatin1(bytes);
  return texts.some((text) => content.includes(text));
}

/** In a user namespace the list may not be read, nor iptables be used: then there is none that could be dealt with. */
function namesOf(family: Family): string[] {
  try {
    return readText(LISTS[family]).split('\n');
  } catch (error) {
    if (error instanceof SystemError && [ENOENT, EACCES].includes(error.errno)) return [];
    throw error;
  }
}
