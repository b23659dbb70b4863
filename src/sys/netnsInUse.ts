/** Which network namespaces threads live in, as far as /proc tells. */

import { errorCode, reasonOf } from '../fault.ts';
import { listDirectory, readLink } from './directory.ts';
import { readText } from './file.ts';
import { statPath } from './stat.ts';

export interface NetnsUse {
  /** Inodes of nsfs, as in `net:[4026531840]`. */
  readonly inodes: ReadonlySet<number>;
  /** What could not be looked at, so that other namespaces may be in use as well; undefined where nothing was missed. */
  readonly gap: string | undefined;
}

/**
 * Looks at every thread of every process: each may be in a namespace of its own, and outlive the first one. A thread that may not be looked at is a gap, unless it has ended meanwhile, or
 * is seen to be in one namespace with a thread that was looked at.
 */
export function findNetnsInUse(): NetnsUse {
  const inodes = new Set<number>();
  try {
    const mounts = readText('/proc/self/mountinfo');
    const { examples, unread } = lookAtThreads();
    for (const inode of examples.keys()) inodes.add(inode);
    if (hidesProcesses(mounts) && !mayTrace())
      return { inodes, gap: '/proc is mounted with hidepid, and hides processes' };
    return { inodes, gap: unread.length === 0 ? undefined : firstElsewhere(unread, [...examples.values()]) };
  } catch (error) {
    return { inodes, gap: `/proc cannot be read: ${reasonOf(error)}` };
  }
}

/** A thread, or all of a process, that may not be looked at: its directory in /proc, and why. */
interface Unread {
  readonly thread: string;
  readonly reason: string;
}

interface Threads {
  /** For each namespace, by its inode, the directory of a thread that is in it. */
  readonly examples: Map<number, string>;
  readonly unread: Unread[];
}

/** @throws SystemError where /proc cannot be listed */
function lookAtThreads(): Threads {
  const threads: Threads = { examples: new Map(), unread: [] };
  for (const pid of numbersIn('/proc')) {
    const process = `/proc/${pid}`;
    for (const tid of look(threads, process, () => numbersIn(`${process}/task`)) ?? []) {
      const thread = `${process}/task/${tid}`;
      const inode = look(threads, thread, () => netnsOf(thread));
      if (inode !== undefined) threads.examples.set(inode, thread);
    }
  }
  return threads;
}

/** What is no process any more, or a thread that has given its namespaces back, says so by one of these. */
const ENDED = ['ENOENT', 'ESRCH'];

function look<T>({ unread }: Threads, thread: string, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!ENDED.includes(errorCode(error) ?? '')) unread.push({ thread, reason: reasonOf(error) });
    return undefined;
  }
}

/**
 * Why a thread's namespace is not known, of the first whose is not. The files below its directory `net` are the same ones,
 * with the same inodes, for all threads of a namespace, and anybody may ask for them (fs/proc/proc_net.c).
 */
function firstElsewhere(unread: readonly Unread[], examples: readonly string[]): string | undefined {
  const places = new Set(examples.map(placeOf));
  for (const { thread, reason } of unread) {
    try {
      const place = placeOf(thread);
      // Where it has ended, the kernel refused the look as well (proc_ns_readlink in fs/proc/namespaces.c).
      if (place === undefined || places.has(place)) continue;
    } catch (error) {
      if (ENDED.includes(errorCode(error) ?? '')) continue;
    }
    return `${thread}: ${reason}`;
  }
  return undefined;
}

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

/** Whether the proc that is seen at /proc leaves out what may not be traced; see proc(5). */
function hidesProcesses(mounts: string): boolean {
  const options = [...mounts.matchAll(/^\S+ \S+ \S+ \S+ \/proc .* - proc \S+ (\S+)$/gm)].at(-1)?.[1] ?? '';
  return /\bhidepid=(2|4|invisible|ptraceable)\b/.test(options);
}

const CAP_SYS_PTRACE = 19n;

/** Whether this process may look at any other (capabilities(7)). @throws SystemError */
function mayTrace(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readText('/proc/self/status'))?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> CAP_SYS_PTRACE) & 1n) === 1n;
}
