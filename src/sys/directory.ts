/** Directories, symbolic links, and the status of files (statx(2), whose structure is the same on every processor). */

import { runtime } from '#runtime';
import { AT_FDCWD, closeFile, cPath, O_DIRECTORY, O_RDONLY, openFile, unlessMissing } from './file.ts';
import { libc, scratch } from './libc.ts';
import { decodeUtf8, encodeUtf8 } from './text.ts';

/** Older C libraries have no function for getdents64(2). Its number (asm/unistd.h), by Node's name of the processor. */
const SYS_GETDENTS64: Readonly<Record<string, number>> = { x64: 217, arm64: 61 };
/** struct linux_dirent64: inode, offset, record length (u16), type, name. */
const DIRENT = { recordLength: 16, name: 19 } as const;

export interface FileStatus {
  /** dev_t as stat(2) gives it. */
  readonly device: number;
  readonly inode: number;
  /** A regular file. */
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  /** Permission bits with set-user-ID, set-group-ID and sticky bit. */
  readonly mode: number;
  /** User ID. */
  readonly owner: number;
  /** The number of hard links. */
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
/** struct statx (linux/stat.h): its size, and the offsets of the fields. */
const STATX_SIZE = 256;
const STATX = {
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

/** Offsets in struct statfs (asm-generic/statfs.h, 64 bits), and the flag of a mount that takes no writes. */
const STATFS = { blockSize: 8, blocks: 16, freeBlocks: 24, files: 40, freeFiles: 48, flags: 80 } as const;
const ST_RDONLY = 1;

/** The names in a directory, in no order, without `.` and `..`. @throws SystemError */
export function listDirectory(path: string): string[] {
  const fd = openFile(path, O_RDONLY | O_DIRECTORY);
  try {
    return readNames(fd);
  } finally {
    closeFile(fd);
  }
}

/** The target of a symbolic link. @throws SystemError */
export function readLink(path: string): string {
  const buffer = scratch();
  const length = libc('readlink', cPath(path), buffer, buffer.length);
  return decodeUtf8(buffer.subarray(0, length));
}

/** The status of the file at a path; follows symbolic links. @returns undefined where there is none. @throws SystemError */
export function statPath(path: string): FileStatus | undefined {
  return unlessMissing(() => statx(AT_FDCWD, path, 0));
}

/**
 * The status of the symbolic link itself, where the path is one. @returns undefined where there is none. @throws SystemError
 */
export function statLink(path: string): FileStatus | undefined {
  return unlessMissing(() => statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW));
}

/** The status of an open file. @throws SystemError */
export function statFile(fd: number): FileStatus {
  return statx(fd, '', AT_EMPTY_PATH);
}

/**
 * Whether the open file is on a file system of that type (f_type of statfs(2); linux/magic.h has the numbers).
 * @throws SystemError
 */
export function isOnFileSystem(fd: number, magic: number): boolean {
  const status = new Uint8Array(256); // struct statfs has 120 bytes, f_type first
  libc('fstatfs', fd, status);
  return new DataView(status.buffer).getUint32(0, true) === magic;
}

/** What a file system has left, and whether it takes writes. */
interface FileSystemStatus {
  readonly isReadOnly: boolean;
  readonly size: number;
  /** Bytes that root may still write. */
  readonly free: number;
  /** Files that it can have at all, 0 where it sets no limit, and how many of them are free. */
  readonly files: number;
  readonly freeFiles: number;
}

/** The file system that a directory is on. @throws SystemError */
export function fileSystemOf(directory: string): FileSystemStatus {
  const fd = openFile(directory, O_RDONLY | O_DIRECTORY);
  try {
    const status = new Uint8Array(256);
    libc('fstatfs', fd, status);
    const view = new DataView(status.buffer);
    const blockSize = u64At(view, STATFS.blockSize);
    return {
      isReadOnly: (u64At(view, STATFS.flags) & ST_RDONLY) !== 0,
      size: u64At(view, STATFS.blocks) * blockSize,
      free: u64At(view, STATFS.freeBlocks) * blockSize,
      files: u64At(view, STATFS.files),
      freeFiles: u64At(view, STATFS.freeFiles),
    };
  } finally {
    closeFile(fd);
  }
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
  for (let at = 0; at < entries.length; at += view.getUint16(at + DIRENT.recordLength, true)) {
    const start = at + DIRENT.name;
    const name = decodeUtf8(entries.subarray(start, entries.indexOf(0, start)));
    if (name !== '.' && name !== '..') names.push(name);
  }
}

function statx(fd: number, path: string, flags: number): FileStatus {
  const bytes = new Uint8Array(STATX_SIZE);
  libc('statx', fd, encodeUtf8(`${path}\0`), flags, STATX_BASIC_STATS | STATX_BTIME, bytes);
  const view = new DataView(bytes.buffer);
  const mode = view.getUint16(STATX.mode, true);
  const kind = mode & S_IFMT;
  const hasBirth = (view.getUint32(STATX.mask, true) & STATX_BTIME) !== 0;
  return {
    device: deviceNumber(view.getUint32(STATX.major, true), view.getUint32(STATX.minor, true)),
    inode: u64At(view, STATX.inode),
    isFile: kind === S_IFREG,
    isDirectory: kind === S_IFDIR,
    mode: mode & S_MODE,
    owner: view.getUint32(STATX.owner, true),
    names: view.getUint32(STATX.names, true),
    size: u64At(view, STATX.size),
    mtimeMs: millisecondsAt(view, STATX.mtime),
    birthMs: hasBirth ? millisecondsAt(view, STATX.birth) : undefined,
  };
}

/** struct statx_timestamp: i64 seconds, u32 nanoseconds. */
function millisecondsAt(view: DataView, at: number): number {
  const seconds = view.getUint32(at, true) + view.getInt32(at + 4, true) * 2 ** 32;
  return seconds * 1000 + view.getUint32(at + 8, true) / 1e6;
}

/** As a number, which is exact below 2^53. */
function u64At(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

/** dev_t as glibc's gnu_dev_makedev makes it, for numbers below 2^32. */
function deviceNumber(major: number, minor: number): number {
  return (minor & 0xff) + (major & 0xfff) * 0x100 + (minor >>> 8) * 0x100000;
}
