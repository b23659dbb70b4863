/**
 * The C functions that Trestle calls, as data, for runtimes that must know their types. The engine has the same functions
 * (engine/src/functions.rs). Types are C's on 64-bit Linux:
 * `i32` int, `u32` unsigned int or socklen_t, `i64` ssize_t, `u64` size_t, `ptr` a pointer (bytes or null), or a number
 * where C takes either, as syscall(2) does.
 */

export type CType = 'i32' | 'u32' | 'i64' | 'u64' | 'ptr';

export interface CSignature {
  readonly args: readonly CType[];
  readonly returns: 'i32' | 'i64';
}

export const SYMBOLS = {
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  setsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'u32'], returns: 'i32' },
  getsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'ptr'], returns: 'i32' },
  send: { args: ['i32', 'ptr', 'u64', 'i32'], returns: 'i64' },
  recv: { args: ['i32', 'ptr', 'u64', 'i32'], returns: 'i64' },
  setns: { args: ['i32', 'i32'], returns: 'i32' },
  flock: { args: ['i32', 'i32'], returns: 'i32' },
  _exit: { args: ['i32'], returns: 'i32' },
  openat: { args: ['i32', 'ptr', 'i32', 'i32'], returns: 'i32' },
  close: { args: ['i32'], returns: 'i32' },
  read: { args: ['i32', 'ptr', 'u64'], returns: 'i64' },
  write: { args: ['i32', 'ptr', 'u64'], returns: 'i64' },
  rename: { args: ['ptr', 'ptr'], returns: 'i32' },
  link: { args: ['ptr', 'ptr'], returns: 'i32' },
  unlink: { args: ['ptr'], returns: 'i32' },
  mkdir: { args: ['ptr', 'i32'], returns: 'i32' },
  statx: { args: ['i32', 'ptr', 'i32', 'u32', 'ptr'], returns: 'i32' },
  readlink: { args: ['ptr', 'ptr', 'u64'], returns: 'i64' },
  syscall: { args: ['i64', 'ptr', 'ptr', 'ptr', 'ptr', 'u64'], returns: 'i64' },
  fstatfs: { args: ['i32', 'ptr'], returns: 'i32' },
  ftruncate: { args: ['i32', 'i64'], returns: 'i32' },
  futimens: { args: ['i32', 'ptr'], returns: 'i32' },
} as const satisfies Record<string, CSignature>;

export type SymbolName = keyof typeof SYMBOLS;
