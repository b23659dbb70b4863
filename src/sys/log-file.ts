/** A log file that many processes append to at the same time. */

import { type FileStatus, statFile, statLink } from './directory.ts';
import { ENOSPC } from './errno.ts';
import { closeFile, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY, openFile, writeSome } from './file.ts';
import { SystemError } from './libc.ts';
import { encodeUtf8 } from './text.ts';

/** The group may read, since programs that collect logs often run in a group of their own. */
const MODE = 0o640;

/**
 * Opens the file at `path` for appending, and creates it if it is missing. Other users may be able to write to its directory,
 * so only a regular file with one name is opened, and opening does not block.
 * @throws Error with the reason
 */
export function openLogFile(path: string): number {
  // Verified before opening, since opening a device may have an effect; and after it, since the file may have been exchanged.
  verifyFile(statLink(path));
  const fd = openFile(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, MODE);
  try {
    verifyFile(statFile(fd));
    return fd;
  } catch (error) {
    closeFile(fd);
    throw error;
  }
}

/** Appends a line with one write, so that lines of different processes do not mix. @throws SystemError */
export function appendLine(fd: number, line: string): void {
  const bytes = encodeUtf8(`${line}\n`);
  if (writeSome(fd, bytes) < bytes.length) throw new SystemError('write', ENOSPC);
}

/** A hard link may be another user's second name for a file that only root may write to. */
function verifyFile(found: FileStatus | undefined): void {
  if (found === undefined) return;
  if (!found.isFile) throw new Error('it is not a regular file');
  if (found.names > 1) throw new Error('it has a second name (a hard link), so it may be the file of another user');
}
