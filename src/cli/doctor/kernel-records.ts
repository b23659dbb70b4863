/** The records of the kernel's log, as /dev/kmsg gives them (Documentation/ABI/testing/dev-kmsg), or a file with the same. */

import { hasErrno, ignoring } from '../../attempt.ts';
import { EAGAIN, EINVAL, ENXIO, EPIPE, ESPIPE } from '../../sys/errno.ts';
import { closeFile, O_NONBLOCK, O_RDONLY, openFile, readInto, seekPastCleared } from '../../sys/file.ts';
import { scratch } from '../../sys/libc.ts';
import { decodeLatin1 } from '../../sys/text.ts';

export interface KernelRecord {
  /** Microseconds since the boot. */
  readonly time: number;
  readonly text: string;
}

/** A ring of the usual size has some ten thousand; records may come faster than they are read. */
const MOST_RECORDS = 50_000;
/** Priorities of the facility `kern`; what processes write into the log has others. */
const KERNEL_PRIORITIES = 8;

/**
 * The kernel's own records whose text matches, oldest first, but those before the last `dmesg --clear`. Does not wait for
 * further ones. @throws SystemError
 */
export function readKernelRecords(file: string, pattern: RegExp): KernelRecord[] {
  const fd = openFile(file, O_RDONLY | O_NONBLOCK);
  try {
    ignoring([EINVAL, ENXIO, ESPIPE], () => seekPastCleared(fd));
    return recordsIn(fd, pattern);
  } finally {
    closeFile(fd);
  }
}

function recordsIn(fd: number, pattern: RegExp): KernelRecord[] {
  const found: KernelRecord[] = [];
  let rest = '';
  for (let reads = 0; reads < MOST_RECORDS; reads++) {
    const piece = readPiece(fd);
    if (piece === undefined) break;
    // A read of the device is one record; of a file it may be several, and end within one.
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (pattern.test(line)) found.push(...decodeRecord(line, pattern));
    }
  }
  return found;
}

/** Undefined at the end. The text may be empty: records that were overwritten before they could be read are passed over. */
function readPiece(fd: number): string | undefined {
  const buffer = scratch();
  try {
    const length = readInto(fd, buffer);
    return length === 0 ? undefined : decodeLatin1(buffer.subarray(0, length));
  } catch (error) {
    if (hasErrno(error, [EPIPE])) return '';
    if (hasErrno(error, [EAGAIN])) return undefined;
    throw error;
  }
}

/** `priority,number,microseconds,flags;text`; the lines behind it that begin with a blank are its properties. */
function decodeRecord(line: string, pattern: RegExp): KernelRecord[] {
  const [, priority, time, text] = /^(\d+),\d+,(\d+),[^;]*;(.*)$/.exec(line) ?? [];
  if (text === undefined || Number(priority) >= KERNEL_PRIORITIES || !pattern.test(text)) return [];
  return [{ time: Number(time), text }];
}
