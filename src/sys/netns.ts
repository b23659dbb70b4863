/** Network namespaces: opening them, entering them for one synchronous function, and finding those that threads are in. */

import { errorCode, Fault, reasonOf } from '../fault.ts';
import { isOnFileSystem, listDirectory, readLink, statFile, statPath } from './directory.ts';
import { EINVAL } from './errno.ts';
import { closeFile, O_NONBLOCK, openFile, readText } from './file.ts';
import { libc, SystemError } from './libc.ts';

const CLONE_NEWNET = 0x4000_0000;
/** statfs(2)'s f_type of the file system that namespaces live in (linux/magic.h). */
const NSFS_MAGIC = 0x6e73_6673;

/** An open network namespace. Device and inode tell whether a path still leads to it. */
export interface Netns {
  readonly path: string;
  readonly fd: number;
  readonly device: number;
  readonly inode: number;
}

/** The network namespaces that threads are in. */
export interface NetnsUse {
  /** Inodes of nsfs, as in `net:[4026531840]`. */
  readonly inodes: ReadonlySet<number>;
  /** A thread whose namespace could not be read, so that further namespaces may be in use; undefined where all were read. */
  readonly gap: string | undefined;
}

/** A thread, or a whole process, whose namespace may not be read: its directory in /proc, and the reason. */
interface Unread {
  readonly thread: string;
  readonly reason: string;
}

interface Threads {
  /** For each namespace, by its inode, the directory of a thread that is in it. */
  readonly examples: Map<number, string>;
  readonly unread: Unread[];
}

/** The errors of a process that has ended, and of a thread that has released its namespaces. */
const ENDED = ['ENOENT', 'ESRCH'];

const CAP_SYS_PTRACE = 19n;

/**
 * Opens the network namespace at `path`.
 * @throws Fault `environment` when nothing is there or it is no network namespace, `io` when it cannot be opened
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

/** Opens the namespace that this process is in. @throws SystemError, Fault `io` */
export function openOwnNetns(): Netns {
  return openNetns('/proc/self/ns/net');
}

export function sameNetns(a: Netns, b: Netns): boolean {
  return a.device === b.device && a.inode === b.inode;
}

/**
 * Runs `action` inside `netns`, and returns to `own` also when it throws. `action` must be synchronous: the namespace belongs
 * to the thread, so other code would run inside it too.
 * @throws Fault `environment` when it is a namespace of another sort, SystemError when the switch is refused
 */
export function withNetns<T>(own: Netns, netns: Netns, action: () => T): T {
  enter(netns);
  try {
    return action();
  } finally {
    libc('setns', own.fd, CLONE_NEWNET);
  }
}

/**
 * The namespaces of all threads of all processes: each thread may be in a namespace of its own, and outlive the first thread.
 * A thread whose namespace may not be read is a gap, unless it has ended meanwhile or shares its namespace with a thread that
 * was read. Never throws: an error is a gap.
 */
export function findNetnsInUse(): NetnsUse {
  const inodes = new Set<number>();
  try {
    const mounts = readText('/proc/self/mountinfo');
    const { examples, unread } = readThreads();
    for (const inode of examples.keys()) inodes.add(inode);
    if (hidesProcesses(mounts) && !mayTrace())
      return { inodes, gap: '/proc is mounted with hidepid, and hides processes' };
    return { inodes, gap: unread.length === 0 ? undefined : firstElsewhere(unread, [...examples.values()]) };
  } catch (error) {
    return { inodes, gap: `/proc cannot be read: ${reasonOf(error)}` };
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
    // O_NONBLOCK: opening a FIFO that was put in its place would block.
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

/** @throws SystemError where /proc cannot be listed */
function readThreads(): Threads {
  const threads: Threads = { examples: new Map(), unread: [] };
  for (const pid of numbersIn('/proc')) {
    const process = `/proc/${pid}`;
    for (const tid of tryRead(threads, process, () => numbersIn(`${process}/task`)) ?? []) {
      const thread = `${process}/task/${tid}`;
      const inode = tryRead(threads, thread, () => netnsOf(thread));
      if (inode !== undefined) threads.examples.set(inode, thread);
    }
  }
  return threads;
}

/** Runs `act` for a thread; notes the thread as unread where that fails, unless it has ended. */
function tryRead<T>({ unread }: Threads, thread: string, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!ENDED.includes(errorCode(error) ?? '')) unread.push({ thread, reason: reasonOf(error) });
    return undefined;
  }
}

/**
 * The first thread that shares its namespace with none of `examples`, and the reason why its own cannot be read. All threads
 * of a namespace see the same files in their directory `net`, with the same inodes, and every user may stat those
 * (fs/proc/proc_net.c).
 */
function firstElsewhere(unread: readonly Unread[], examples: readonly string[]): string | undefined {
  const places = new Set(examples.map(placeOf));
  for (const { thread, reason } of unread) {
    try {
      const place = placeOf(thread);
      // The kernel also refuses to read the namespace of a thread that has ended (proc_ns_readlink in fs/proc/namespaces.c).
      if (place === undefined || places.has(place)) continue;
    } catch (error) {
      if (ENDED.includes(errorCode(error) ?? '')) continue;
    }
    return `${thread}: ${reason}`;
  }
  return undefined;
}

/** A number that all threads of a namespace share, see `firstElsewhere`. @throws SystemError */
function placeOf(thread: string): number | undefined {
  return statPath(`${thread}/net/dev`)?.inode;
}

function numbersIn(path: string): string[] {
  return listDirectory(path).filter((name) => /^\d+$/.test(name));
}

function netnsOf(thread: string): number | undefined {
  const inode = /^net:\[(\d+)\]$/.exec(readLink(`${thread}/ns/net`))?.[1];
  return inode === undefined ? undefined : Number(inode);
}

/** Whether the proc mounted at /proc hides processes that may not be traced (hidepid in proc(5)). */
function hidesProcesses(mounts: string): boolean {
  const options = [...mounts.matchAll(/^\S+ \S+ \S+ \S+ \/proc .* - proc \S+ (\S+)$/gm)].at(-1)?.[1] ?? '';
  return /\bhidepid=(2|4|invisible|ptraceable)\b/.test(options);
}

/** Whether this process may trace every other one (capabilities(7)). @throws SystemError */
function mayTrace(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readText('/proc/self/status'))?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> CAP_SYS_PTRACE) & 1n) === 1n;
}
