/**
 * Becomes the program of its arguments, for which one system call fails with an errno, and for what that starts, by a seccomp
 * filter (seccomp(2), linux/filter.h): deny-call.ts NUMBER ERRNO PROGRAM ARGUMENT…
 */

import { dlopen, ptr } from 'bun:ffi';

const [call = '', errno = '', file = '', ...args] = process.argv.slice(2);
const [PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER] = [38, 22, 2];
/** BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, BPF_RET | BPF_K. */
const [LOAD, JUMP_EQUAL, RETURN] = [0x20, 0x15, 0x06];
const [ALLOW, ERRNO] = [0x7fff_0000, 0x0005_0000];

/** Code, jumps where true and where false, operand. The number of the call stands at 0. */
const PROGRAM: readonly (readonly [number, number, number, number])[] = [
  [LOAD, 0, 0, 0],
  [JUMP_EQUAL, 0, 1, Number(call)],
  [RETURN, 0, 0, ERRNO | Number(errno)],
  [RETURN, 0, 0, ALLOW],
];

const libc = dlopen('libc.so.6', {
  prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' },
  execv: { args: ['ptr', 'ptr'], returns: 'i32' },
}).symbols;

const filter = new DataView(new ArrayBuffer(8 * PROGRAM.length));
for (const [at, [code, yes, no, operand]] of PROGRAM.entries()) {
  filter.setUint16(8 * at, code, true);
  filter.setUint8(8 * at + 2, yes);
  filter.setUint8(8 * at + 3, no);
  filter.setUint32(8 * at + 4, operand, true);
}
/** struct sock_fprog: how many instructions, and where they are. */
const description = new DataView(new ArrayBuffer(16));
description.setUint16(0, PROGRAM.length, true);
description.setBigUint64(8, BigInt(ptr(filter.buffer)), true);

const texts = [file, ...args].map((text) => Buffer.from(`${text}\0`));
const argv = new BigUint64Array([...texts.map((text) => BigInt(ptr(text))), 0n]);
if (libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) throw new Error('PR_SET_NO_NEW_PRIVS failed');
if (libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ptr(description.buffer), 0, 0) !== 0)
  throw new Error('PR_SET_SECCOMP failed');
libc.execv(ptr(texts[0] as Buffer), ptr(argv));
throw new Error(`${file} could not be started`);
