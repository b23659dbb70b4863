/** Network namespaces: open files of nsfs, entered for as long as one synchronous function runs. */

import { errorCode, Fault, reasonOf } from '../fault.ts';
import { EINVAL } from './errno.ts';
import { closeFile, isOnFileSystem, O_NONBLOCK, openFile } from './file.ts';
import { libc, SystemError } from './libc.ts';
import { statFile } from './stat.ts';

const CLONE_NEWNET = 0x4000_0000;
/** statfs(2)'s f_type of the file system that namespaces live in (linux/magic.h). */
const NSFS_MAGIC = 0x6e73_6673;

/** An open network namespace. Device and inode tell whether a path still leads to the same one. */
export interface Netns {
  readonly path: string;
  readonly fd: number;
  readonly device: number;
  readonly inode: number;
}

/**
 * Opens the network namespace at `path`.
 * @throws Fault `environment` when nothing is there or it is no namespace, `io` when it cannot be opened.
 */
export function openNetns(path: string): Netns {
  const fd = openPath(path);
  try {
    if (!isOnFileSystem(fd, NSFS_MAGIC)) throw notANetns(path);
    const { device, inode } = statFile(fd);
    return { path, fd, device, inode };
  } catch (error) {
    closeFile(fd);
    throw error;
  }
}

export function closeNetns(netns: Netns): void {
  closeFile(netns.fd);
}

/** The namespace that this process is in. */
export function openOwnNetns(): Netns {
  return openNetns('/proc/self/ns/net');
}

export function sameNetns(a: Netns, b: Netns): boolean {
  return a.device === b.device && a.inode === b.inode;
}

/**
 * Runs `action` inside `netns` and comes back, whatever happens. `action` must be synchronous: the namespace belongs
 * to the thread, and so would everything else that ran meanwhile.
 * @throws Fault `environment` when it is a namespace of another sort, SystemError when the switch is refused.
 */
export function withNetns<T>(own: Netns, netns: Netns, action: () => T): T {
  enter(netns);
  try {
    return action();
  } finally {
    libc('setns', own.fd, CLONE_NEWNET);
  }
}

function enter(netns: Netns): void {
  try {
    libc('setns', netns.fd, CLONE_NEWNET);
  } catch (error) {
    throw error instanceof SystemError && error.errno === EINVAL ? notANetns(netns.path) : error;
  }
}

function openPath(path: string): number {
  try {
    // Not blocking, so that a FIFO put in its place cannot hold us up.
    return openFile(path, O_NONBLOCK);
  } catch (cause) {
    const missing = errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR';
    const details = missing
      ? 'The container may have ended already; CNI_NETNS must be the path of its netns.'
      : undefined;
    const reason = missing ? 'there is no such file' : reasonOf(cause);
    throw new Fault(
      missing ? 'environment' : 'io',
      `cannot open the network namespace ${path} (CNI_NETNS): ${reason}`,
      {
        cause,
        ...(details && { details }),
      },
    );
  }
}

function notANetns(path: string): Fault {
  return new Fault('environment', `cannot enter ${path} (CNI_NETNS): it is not a network namespace`, {
    details: 'CNI_NETNS must be a path such as /run/netns/NAME or /proc/PID/ns/net.',
  });
}
