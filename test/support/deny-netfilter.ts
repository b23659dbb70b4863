/**
 * Becomes the program of its arguments, for which the kernel has no NETLINK_NETFILTER, nor for what that starts: socket(2) says
 * EPROTONOSUPPORT, by a seccomp filter (seccomp(2), linux/filter.h).
 */

import { ALLOW, ERRNO, execUnder, type Instruction, JUMP_EQUAL, LOAD, RETURN } from './seccomp.ts';

const [file = '', ...args] = process.argv.slice(2);
const SOCKET = process.arch === 'arm64' ? 198 : 41;
const [AF_NETLINK, NETLINK_NETFILTER, EPROTONOSUPPORT] = [16, 12, 93];

const PROGRAM: readonly Instruction[] = [
  [LOAD, 0, 0, 0],
  [JUMP_EQUAL, 0, 5, SOCKET],
  [LOAD, 0, 0, 16],
  [JUMP_EQUAL, 0, 3, AF_NETLINK],
  [LOAD, 0, 0, 32],
  [JUMP_EQUAL, 0, 1, NETLINK_NETFILTER],
  [RETURN, 0, 0, ERRNO | EPROTONOSUPPORT],
  [RETURN, 0, 0, ALLOW],
];

execUnder(PROGRAM, file, args);
