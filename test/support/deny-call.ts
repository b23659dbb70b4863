/**
 * Becomes the program of its arguments, for which one system call fails with an errno, and for what that starts, by a seccomp
 * filter (seccomp(2), linux/filter.h): deny-call.ts NUMBER ERRNO PROGRAM ARGUMENT…
 */

import { ALLOW, ERRNO, execUnder, type Instruction, JUMP_EQUAL, LOAD, RETURN } from './seccomp.ts';

const [call = '', errno = '', file = '', ...args] = process.argv.slice(2);

const PROGRAM: readonly Instruction[] = [
  [LOAD, 0, 0, 0],
  [JUMP_EQUAL, 0, 1, Number(call)],
  [RETURN, 0, 0, ERRNO | Number(errno)],
  [RETURN, 0, 0, ALLOW],
];

execUnder(PROGRAM, file, args);
