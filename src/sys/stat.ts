/** What the kernel knows of a file: statx(2), whose structure is the same on every processor. */

import { AT_FDCWD, unlessMissing } from './file.ts';
import { libc } from './libc.ts';
import { encodeUtf8 } from './text.ts';

export interface FileStatus {
  /** dev_t as stat(2) gives it. */
  readonly device: number;
  readonly inode: number;
  /** An ordinary file: no directory, link, device or pipe. */
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  /** Permission bits, with the sticky bit and its like. */
  readonly mode: number;
  /** User ID. */
  readonly owner: number;
  /** How many names it has: hard links. */
  readonly names: number;
  readonly size: number;
  readonly mtimeMs: number;
  /** When it was created; undefined where the file system does not keep that. */
  readonly birthMs: number | undefined;
}

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const STATX_BTIME = 0x800;
const S_IFMT = 0o170000;
const S_MODE = 0o7777;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
/** struct statx (linux/stat.h): its size, and where the fields stand. */
const SIZE = 256;
const AT = {
  mask: 0,
  names: 16,
  owner: 20,
  mode: 28,
  inode: 32,
  size: 40,
  birth: 80,
  mtime: 112,
  major: 136,
  minor: 140,
} as const;

/** Of the file at a path, through links. @returns undefined where there is none. @throws SystemError */
export function statPath(path: string): FileStatus | undefined {
  return unlessMissing(() => statx(AT_FDCWD, path, 0));
}

/** Of the link itself, where the path is one. @returns undefined where there is none. @throws SystemError */
export function statLink(path: string): FileStatus | undefined {
  return unlessMissing(() => statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW));
}

/** Of an open file. @throws SystemError */
export function statFile(fd: number): FileStatus {
  return statx(fd, '', AT_EMPTY_PATH);
}

function statx(fd: number, path: string, flags: number): FileStatus {
  const bytes = new Uint8Array(SIZE);
  libc('statx', fd, encodeUtf8(`${path}\0`), flags, STATX_BASIC_STATS | STATX_BTIME, bytes);
  const view = new DataView(bytes.buffer);
  const mode = view.getUint16(AT.mode, true);
  const kind = mode & S_IFMT;
  const hasBirth = (view.getUint32(AT.mask, true) & STATX_BTIME) !== 0;
  return {
    device: deviceNumber(view.getUint32(AT.major, true), view.getUint32(AT.minor, true)),
    inode: Number(view.getBigUint64(AT.inode, true)),
    isFile: kind === S_IFREG,
    isDirectory: kind === S_IFDIR,
    mode: mode & S_MODE,
    owner: view.getUint32(AT.owner, true),
    names: view.getUint32(AT.names, true),
    size: Number(view.getBigUint64(AT.size, true)),
    mtimeMs: milliseconds(view, AT.mtime),
    birthMs: hasBirth ? milliseconds(view, AT.birth) : undefined,
  };
}

/** struct statx_timestamp: seconds, nanoseconds. */
function milliseconds(view: DataView, at: number): number {
  return Number(view.getBigInt64(at, true)) * 1000 + view.getUint32(at + 8, true) / 1e6;
}

/** As glibc's gnu_dev_makedev puts it together, for the numbers below 2^32 that devices have. */
function deviceNumber(major: number, minor: number): number {
  return (minor & 0xff) + (major & 0xfff) * 0x100 + (minor >>> 8) * 0x100000;
}
