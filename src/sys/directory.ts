/** Directories and symbolic links. */

import { runtime } from '#runtime';
import { closeFile, cPath, O_DIRECTORY, O_RDONLY, openFile } from './file.ts';
import { libc } from './libc.ts';
import { scratch } from './scratch.ts';
import { decodeUtf8 } from './text.ts';

/** getdents64(2) has no function in older C libraries. Its number (asm/unistd.h), by Node's name of the processor. */
const SYS_GETDENTS64: Readonly<Record<string, number>> = { x64: 217, arm64: 61 };
/** struct linux_dirent64: inode, offset, record length (u16), type, name. */
const AT = { recordLength: 16, name: 19 } as const;

/** The names in a directory, in no order, without `.` and `..`. @throws SystemError */
export function listDirectory(path: string): string[] {
  const fd = openFile(path, O_RDONLY | O_DIRECTORY);
  try {
    return readNames(fd);
  } finally {
    closeFile(fd);
  }
}

/** What a symbolic link says. @throws SystemError */
export function readLink(path: string): string {
  const buffer = scratch();
  const length = libc('readlink', cPath(path), buffer, buffer.length);
  return decodeUtf8(buffer.subarray(0, length));
}

function readNames(fd: number): string[] {
  const number = SYS_GETDENTS64[runtime.arch];
  if (number === undefined)
    throw new Error(`directories cannot be read on ${runtime.arch}: its system calls are not known`);
  const names: string[] = [];
  const buffer = scratch();
  for (;;) {
    const length = libc('syscall', number, fd, buffer, buffer.length, null, 0);
    if (length === 0) return names;
    collectNames(buffer.subarray(0, length), names);
  }
}

function collectNames(entries: Uint8Array, names: string[]): void {
  const view = new DataView(entries.buffer, entries.byteOffset, entries.length);
  for (let at = 0; at < entries.length; at += view.getUint16(at + AT.recordLength, true)) {
    const start = at + AT.name;
    const name = decodeUtf8(entries.subarray(start, entries.indexOf(0, start)));
    if (name !== '.' && name !== '..') names.push(name);
  }
}
