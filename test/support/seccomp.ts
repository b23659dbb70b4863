/** A seccomp filter (seccomp(2), linux/filter.h) for a process that then becomes another program, which inherits it. */

import { dlopen, ptr } from 'bun:ffi';

/** Code, jumps where true and where false, operand. The number of the call stands at 0, its arguments at 16, 24 and 32. */
export type Instruction = readonly [code: number, yes: number, no: number, operand: number];

/** BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, BPF_RET | BPF_K. */
export const [LOAD, JUMP_EQUAL, RETURN] = [0x20, 0x15, 0x06];
export const [ALLOW, ERRNO] = [0x7fff_0000, 0x0005_0000];

const [PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER] = [38, 22, 2];

/** Becomes the program under the filter. @throws Error where that is refused */
export function execUnder(filtering: readonly Instruction[], file: string, args: readonly string[]): never {
  const libc = dlopen('libc.so.6', {
    prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' },
    execv: { args: ['ptr', 'ptr'], returns: 'i32' },
  }).symbols;
  const filter = new DataView(new ArrayBuffer(8 * filtering.length));
  for (const [at, [code, yes, no, operand]] of filtering.entries()) {
    filter.setUint16(8 * at, code, true);
    filter.setUint8(8 * at + 2, yes);
    filter.setUint8(8 * at + 3, no);
    filter.setUint32(8 * at + 4, operand, true);
  }
  // struct sock_fprog: how many instructions, and where they are.
  const description = new DataView(new ArrayBuffer(16));
  description.setUint16(0, filtering.length, true);
  description.setBigUint64(8, BigInt(ptr(filter.buffer)), true);
  const texts = [file, ...args].map((text) => Buffer.from(`${text}\0`));
  const argv = new BigUint64Array([...texts.map((text) => BigInt(ptr(text))), 0n]);
  if (libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) throw new Error('PR_SET_NO_NEW_PRIVS failed');
  if (libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ptr(description.buffer), 0, 0) !== 0)
    throw new Error('PR_SET_SECCOMP failed');
  libc.execv(ptr(texts[0] as Buffer), ptr(argv));
  throw new Error(`${file} could not be started`);
}
