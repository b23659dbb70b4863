/** What a failed file operation throws: operation, path, reason, and what to do. */

import { errorCode, Fault, reasonOf } from '../fault.ts';
import { errnoText } from '../sys/errno.ts';
import { SystemError } from '../sys/libc.ts';

/** Runs `act`; what it throws becomes a Fault `io` that names operation and path. */
export function doing<T>(operation: string, path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw ioFault(operation, path, error);
  }
}

/** What a failed file operation throws. */
export function ioFault(operation: string, path: string, cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  const code = errorCode(cause) ?? '';
  const [reason, details] = REASONS[code] ?? [plainReason(cause), 'See whether the file system is in order.'];
  return new Fault('io', `cannot ${operation} ${path}: ${reason}`, { cause, details });
}

/** Ours are "call: reason (CODE)", node:fs's are "CODE: reason, call 'path'". */
function plainReason(cause: unknown): string {
  if (cause instanceof SystemError) return errnoText(cause.errno);
  const [, code, reason] = /^(E[A-Z0-9]+): ([^,]+)/.exec(reasonOf(cause)) ?? [];
  return reason === undefined ? reasonOf(cause) : `${reason} (${code})`;
}

const REASONS: Record<string, readonly [reason: string, details: string]> = {
  ENOSPC: [
    'no space left on device (ENOSPC)',
    'Free space or inodes on its file system; nothing needs repair after that.',
  ],
  EDQUOT: ['disk quota exceeded (EDQUOT)', 'Free space or raise the quota; nothing needs repair after that.'],
  EROFS: ['read-only file system (EROFS)', 'Mount it writable, or let ipam.dataDir point to a file system that is.'],
  EACCES: ['permission denied (EACCES)', 'The plugin must run as root, and root must be allowed to write there.'],
  EPERM: ['operation not permitted (EPERM)', 'The plugin must run as root; see also whether chattr made it immutable.'],
  EISDIR: ['it is a directory (EISDIR)', 'A file belongs there: move the directory away.'],
  ENOTDIR: [
    'a part of the path is not a directory (ENOTDIR)',
    'Move the file that is in the way, or correct ipam.dataDir.',
  ],
  ENAMETOOLONG: ['the name is too long (ENAMETOOLONG)', 'Shorten ipam.dataDir or the name of the network.'],
  EXDEV: ['the data directory spans two file systems (EXDEV)', 'Mount a file system at ipam.dataDir, not below it.'],
  ELOOP: ['a symbolic link is in its place (ELOOP)', 'Find out who put it there, and remove it.'],
  EFBIG: ['it is too large to be one of ours (EFBIG)', 'Find out who put it there, and remove it.'],
  EEXIST: ['something else is in its place (EEXIST)', 'Move it away, or correct ipam.dataDir.'],
};
