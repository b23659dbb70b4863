/**
 * The interface of the JavaScript runtime. `#runtime` in package.json selects the adapter: the engine's (engine.ts) in
 * dist/trestle, Node's (node.ts) in dist/trestle.cjs, and one for Bun in the tests.
 */

/** An argument of a C function: a number, bytes whose address is passed, or a null pointer. */
export type CArgument = number | Uint8Array | null;

/** @returns what the C function returns; -errno where that is negative */
export type CFunction = (...args: (CArgument | undefined)[]) => number;

export interface Runtime {
  /** The processor, by Node's name of it: `x64` or `arm64`. */
  readonly arch: string;
  /** The C functions of SYMBOLS, by name. @throws Fault where the C library cannot be loaded */
  readonly c: Readonly<Record<SymbolName, CFunction>>;

  /** UTF-8; a surrogate without its pair becomes U+FFFD. */
  encode(text: string): Uint8Array;
  /** UTF-8; what is malformed becomes U+FFFD, and a byte order mark at the beginning is dropped. */
  decode(bytes: Uint8Array): string;
  /** A character for each byte, U+0000 to U+00FF. */
  latin1(bytes: Uint8Array): string;

  /** Milliseconds of a clock that never jumps, from an arbitrary start. */
  monotonicMs(): number;
  /** Blocks the thread. */
  sleepMs(duration: number): void;

  pid(): number;
  /** The effective user's ID. */
  effectiveUser(): number;
  /** All variables of the environment. */
  environment(): Readonly<Record<string, string | undefined>>;
  /** The name that the program was started under. */
  programName(): string;
  /** Its arguments. */
  args(): readonly string[];

  /** Runs a program to its end; at most `mostBytes` of each output are taken. */
  run(call: ProgramCall, mostBytes: number): Ended;

  /** Registers `main`, which runs at each start of the program and returns the exit status. */
  start(main: () => number | Promise<number>): void;
}

export interface ProgramCall {
  /** The path of the executable: PATH is not searched, and no shell is involved. */
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly input: string;
  readonly deadlineMs: number;
}

export interface Ended {
  readonly succeeded: boolean;
  readonly started: boolean;
  /** It was killed at the deadline. */
  readonly timedOut: boolean;
  /** The exit status; or the signal or the excess of output that ended it; or the errno with which it did not start. */
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Types of C on 64-bit Linux: `i32` int, `u32` unsigned int or socklen_t, `i64` ssize_t, `u64` size_t, `ptr` a pointer (bytes
 * or null), or a number where C takes either, as syscall(2) does.
 */
export type CType = 'i32' | 'u32' | 'i64' | 'u64' | 'ptr';

export interface CSignature {
  readonly args: readonly CType[];
  readonly returns: 'i32' | 'i64';
}

/**
 * The C functions that Trestle calls, for runtimes that must know their types. engine/src/functions.rs has the same functions.
 */
export const SYMBOLS = {
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  bind: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
  connect: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
  setsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'u32'], returns: 'i32' },
  getsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'ptr'], returns: 'i32' },
  send: { args: ['i32', 'ptr', 'u64', 'i32'], returns: 'i64' },
  sendto: { args: ['i32', 'ptr', 'u64', 'i32', 'ptr', 'u32'], returns: 'i64' },
  recv: { args: ['i32', 'ptr', 'u64', 'i32'], returns: 'i64' },
  poll: { args: ['ptr', 'u64', 'i32'], returns: 'i32' },
  setns: { args: ['i32', 'i32'], returns: 'i32' },
  flock: { args: ['i32', 'i32'], returns: 'i32' },
  _exit: { args: ['i32'], returns: 'i32' },
  openat: { args: ['i32', 'ptr', 'i32', 'i32'], returns: 'i32' },
  close: { args: ['i32'], returns: 'i32' },
  read: { args: ['i32', 'ptr', 'u64'], returns: 'i64' },
  write: { args: ['i32', 'ptr', 'u64'], returns: 'i64' },
  rename: { args: ['ptr', 'ptr'], returns: 'i32' },
  link: { args: ['ptr', 'ptr'], returns: 'i32' },
  symlink: { args: ['ptr', 'ptr'], returns: 'i32' },
  unlink: { args: ['ptr'], returns: 'i32' },
  chmod: { args: ['ptr', 'i32'], returns: 'i32' },
  mkdir: { args: ['ptr', 'i32'], returns: 'i32' },
  rmdir: { args: ['ptr'], returns: 'i32' },
  isatty: { args: ['i32'], returns: 'i32' },
  statx: { args: ['i32', 'ptr', 'i32', 'u32', 'ptr'], returns: 'i32' },
  readlink: { args: ['ptr', 'ptr', 'u64'], returns: 'i64' },
  syscall: { args: ['i64', 'ptr', 'ptr', 'ptr', 'ptr', 'u64'], returns: 'i64' },
  fstatfs: { args: ['i32', 'ptr'], returns: 'i32' },
  ftruncate: { args: ['i32', 'i64'], returns: 'i32' },
  futimens: { args: ['i32', 'ptr'], returns: 'i32' },
} as const satisfies Record<string, CSignature>;

export type SymbolName = keyof typeof SYMBOLS;
