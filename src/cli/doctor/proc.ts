/** The node's /proc, and where the kernel's log is, for the sections that read them. */

import { statPath } from '../../sys/directory.ts';
import { readText } from '../../sys/file.ts';
import { SystemError } from '../../sys/libc.ts';
import type { Netns } from '../../sys/netns.ts';

const KERNEL_LOG = '/dev/kmsg';

/** A file below /proc; undefined where there is none, or it may not be read. */
export function readProc(path: string): string | undefined {
  try {
    return readText(`/proc/${path}`).trim();
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}

/** A number below /proc; undefined where there is none. */
export function numberAt(read: (path: string) => string | undefined, path: string): number | undefined {
  const text = read(path);
  return text !== undefined && /^-?\d+$/.test(text.trim()) ? Number(text) : undefined;
}

/**
 * The log of the kernel. Its lines name interfaces and no network namespace, so it tells something only of the network
 * namespace that process 1 is in; undefined elsewhere, and where that cannot be known.
 */
export function kernelLogOf(netns: Netns): string | undefined {
  try {
    return statPath('/proc/1/ns/net')?.inode === netns.inode ? KERNEL_LOG : undefined;
  } catch {
    return undefined;
  }
}
