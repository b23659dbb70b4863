/**
 * What Trestle wants of the JavaScript runtime it is on. `#runtime` in package.json says which one that is: the engine
 * (engine.ts) in dist/trestle, Node (node.ts) in dist/trestle.cjs; tests bring one of their own.
 */

import type { SymbolName } from './symbols.ts';

/** An argument of a C function: a number, bytes whose address is passed, or a null pointer. */
export type CArgument = number | Uint8Array | null;

/** @returns what the C function returns; -errno where that is negative */
export type CFunction = (...args: (CArgument | undefined)[]) => number;

export interface Runtime {
  /** The processor, by Node's name of it: `x64` or `arm64`. */
  readonly arch: string;
  /** The C functions, by name. @throws Fault where they cannot be called at all */
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

  /** Has `main` called at each start of the program; it returns the exit status. */
  start(main: () => number): void;
}

export interface ProgramCall {
  /** The path of the executable; nothing is looked up, and no shell is between. */
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
  /** It did not end in time, and was killed. */
  readonly timedOut: boolean;
  /** The exit status, or what ended it (a signal, or saying too much), or why it did not start. */
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}
