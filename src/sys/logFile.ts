/** A log that many processes write to at the same time. */

import { ENOSPC } from './errno.ts';
import { closeFile, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY, openFile, writeSome } from './file.ts';
import { SystemError } from './libc.ts';
import { type FileStatus, statFile, statLink } from './stat.ts';
import { encodeUtf8 } from './text.ts';

/** Many programs that collect logs run as a group of their own; nobody else has a business with it. */
const MODE = 0o640;

/**
 * Opens the file at `path`, which is created if need be. It is said by whoever may write the configuration, but its
 * directory may be anybody's: so nothing but an ordinary file is opened, and nothing that could hold us up.
 * @throws Error with the reason
 */
export function openLogFile(path: string): number {
  // Looked at first, since opening a device may do something. Looked at again, since it may have been exchanged.
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

/** Where links to the files of others may be made, a second name may be what somebody else's file was given. */
function verifyFile(found: FileStatus | undefined): void {
  if (found === undefined) return;
  if (!found.isFile) throw new Error('it is not an ordinary file');
  if (found.names > 1) throw new Error("it has another name as well (a hard link), so it may be somebody else's file");
}
