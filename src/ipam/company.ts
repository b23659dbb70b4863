/**
 * Whether other calls work on the same data directory at the same time: each holds a shared flock(2) on `<dataDir>/.trestle`,
 * which goes with the process. It orders nothing; a call only learns whether it is alone.
 */

import { collecting } from '../attempt.ts';
import { closeFile, O_DIRECTORY, O_RDONLY, openFile } from '../sys/file.ts';
import { shareFlock, tryFlock } from '../sys/flock.ts';
import { ownRoot } from './store.ts';

/** A call among others. */
export interface Company {
  /** Whether no other call works on the data directory now. Asked once, at the end: of several calls, the last is alone. */
  isAlone(): boolean;
  leave(): void;
}

/** Joins the calls on a data directory. Where the directory cannot be opened or locked, the call counts as alone. */
export function joinCompany(dataDir: string): Company {
  let fd: number | undefined;
  collecting(() => {
    fd = openFile(ownRoot(dataDir), O_RDONLY | O_DIRECTORY);
    shareFlock(fd);
  });
  return {
    isAlone: () => {
      const shared = fd;
      if (shared === undefined) return true;
      let isAlone = true;
      collecting(() => {
        isAlone = tryFlock(shared);
      });
      return isAlone;
    },
    leave: () => {
      if (fd !== undefined) closeFile(fd);
      fd = undefined;
    },
  };
}
