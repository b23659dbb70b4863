/** The executable of this program: the running one, and whether a file is one. */

import { statPath } from '../../sys/directory.ts';
import { readBytes } from '../../sys/placement.ts';
import { decodeLatin1 } from '../../sys/text.ts';
import { misuse } from '../context.ts';

/** The running executable, also where its file has been replaced since. */
export const RUNNING = '/proc/self/exe';

/** A text that the heap of every version holds, and no other program. */
const MARK = 'TRESTLE_STACK';
const ELF = '\u007fELF';
const PIECE = 1024 * 1024;

/** Refuses where another program, such as Node, runs the bundle. @throws Fault of `misuse` */
export function verifyExecutable(): void {
  if (isOurExecutable(RUNNING)) return;
  throw misuse(
    'cannot install: this is the bundle trestle.cjs, which Node runs, and a runtime needs one executable',
    'Run "dist/trestle install". On a processor without one, copy trestle.cjs and the koffi package by hand.',
  );
}

/** Whether the file is the executable of some version of this program. @throws SystemError */
export function isOurExecutable(path: string): boolean {
  if (statPath(path)?.isFile !== true) return false;
  const bytes = readBytes(path);
  if (decodeLatin1(bytes.subarray(0, ELF.length)) !== ELF) return false;
  for (let at = 0; at < bytes.length; at += PIECE) {
    // The pieces overlap, so that none cuts the mark in two.
    if (decodeLatin1(bytes.subarray(at, at + PIECE + MARK.length)).includes(MARK)) return true;
  }
  return false;
}

/** Whether the file is the running executable, or a copy of it. @throws SystemError */
export function isRunningVersion(path: string): boolean {
  const [own, other] = [statPath(RUNNING), statPath(path)];
  if (own === undefined || other === undefined || own.size !== other.size) return false;
  if (own.inode === other.inode && own.device === other.device) return true;
  const [here, there] = [readBytes(RUNNING), readBytes(path)];
  for (let at = 0; at < here.length; at += PIECE) {
    if (decodeLatin1(here.subarray(at, at + PIECE)) !== decodeLatin1(there.subarray(at, at + PIECE))) return false;
  }
  return true;
}
