/** Whether this process may look at the node, and whether the plugin may write where it must. */

import { reasonOf } from '../../../fault.ts';
import { type FileStatus, fileSystemOf, statPath } from '../../../sys/directory.ts';
import { SystemError } from '../../../sys/libc.ts';
import { withNetns } from '../../../sys/netns.ts';
import { SHARED_PROC, withPrivateProc } from '../../../sys/proc.ts';
import { word } from '../command-lines.ts';
import type { Examination, Finding, Report, Section } from '../examination.ts';
import { readOwnEntries } from '../own-plugin.ts';

/** Capabilities (linux/capability.h): without the vital ones an ADD fails, without the others it knows or may less. */
const CAPABILITIES = [
  { name: 'CAP_NET_ADMIN', bit: 12n, isVital: true },
  { name: 'CAP_SYS_ADMIN', bit: 21n, isVital: true },
  { name: 'CAP_DAC_OVERRIDE', bit: 1n, isVital: false },
  { name: 'CAP_SYS_PTRACE', bit: 19n, isVital: false },
];

/** A service of the machine's process 1 has all capabilities, and none of the restrictions of a shell in a container. */
const UNRESTRICTED = 'systemd-run --quiet --pipe --wait trestle doctor';
const WRITABLE_BY_ALL = 0o002;
/** Below this a lease and a record may not fit: a block for each, and some for the directories. */
const LEAST_FREE = 64 * 1024;
const LEAST_FILES = 16;

export const permissions: Section = {
  name: 'permissions',
  examine(examination) {
    const findings = [
      ...missingCapabilities(examination),
      ...refusedEntry(examination),
      ...readOnlyParameters(),
      ...dataDirsOf(examination).flatMap(flawsOfDirectory),
    ];
    const directories = examination.inventory.dataDirs.join(', ') || 'no data directory yet';
    return { summary: `root with the capabilities that the plugin needs; ${directories}`, findings };
  },
};

/** The data directories, and what configurations of ours name and is none. */
function dataDirsOf(examination: Examination): string[] {
  const configured = readOwnEntries(examination).flatMap(({ entry }) => entry?.request.dataDir ?? []);
  return [...new Set([...examination.inventory.dataDirs, ...configured])];
}

/** The one finding of a process that is not root, which can examine nothing. */
export function notRoot(): Report {
  const finding: Finding = {
    level: 'error',
    code: 'not-root',
    subject: 'trestle doctor',
    what: 'the examination needs root: namespaces, packet filters and leases may be read by root alone',
    evidence: 'the effective user ID of this process is not 0',
    fix: 'sudo trestle doctor',
    isSafe: false,
  };
  return { summary: '', findings: [finding] };
}

function missingCapabilities({ readProc }: Examination): Finding[] {
  const status = readProc('self/status') ?? '';
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (hex === undefined) return [];
  const held = BigInt(`0x${hex}`);
  const missing = CAPABILITIES.filter(({ bit }) => ((held >> bit) & 1n) === 0n);
  if (missing.length === 0) return [];
  const isVital = missing.some((one) => one.isVital);
  return [
    {
      level: isVital ? 'error' : 'warning',
      code: 'capability-missing',
      subject: 'trestle doctor',
      what: `this process lacks ${missing.map(({ name }) => name).join(' and ')}; a plugin with these capabilities alone ${isVital ? 'cannot attach containers' : 'cannot tell all dead attachments from those that live'}`,
      evidence: `/proc/self/status: CapEff ${hex}`,
      fix: UNRESTRICTED,
      isSafe: false,
    },
  ];
}

/** Entering the own network namespace changes nothing, and is refused where entering any is. */
function refusedEntry({ node, readProc }: Examination): Finding[] {
  try {
    withNetns(node.netns, node.netns, () => undefined);
    return [];
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const seccomp = /^Seccomp:\s*(\d)$/m.exec(readProc('self/status') ?? '')?.[1];
    const filter = seccomp === '2' ? '; /proc/self/status: Seccomp 2, a filter of system calls' : '';
    return [
      {
        level: 'error',
        code: 'namespace-entry-refused',
        subject: 'trestle doctor',
        what: 'this process may not enter network namespaces, so a plugin like it cannot attach containers',
        evidence: `${reasonOf(error)} for the own network namespace${filter}`,
        fix: UNRESTRICTED,
        isSafe: false,
      },
    ];
  }
}

/** Where /proc/sys is read-only, the plugin writes through a proc mount of its own, unless that is refused, too. */
function readOnlyParameters(): Finding[] {
  if (!fileSystemOf('/proc/sys').isReadOnly) return [];
  if (withPrivateProc((proc) => proc !== SHARED_PROC)) return [];
  return [
    {
      level: 'error',
      code: 'proc-sys-read-only',
      subject: '/proc/sys',
      what: 'kernel parameters cannot be set here, so an ADD that turns forwarding on fails',
      evidence: '/proc/sys is mounted read-only, and the kernel refuses another mount of proc',
      fix: 'mount -o remount,bind,rw /proc/sys',
      isSafe: false,
    },
  ];
}

function flawsOfDirectory(path: string): Finding[] {
  const status = statPath(path);
  if (status === undefined) return [];
  return [...strangersIn(path, status), ...(status.isDirectory ? spaceFor(path) : [])];
}

/** What the plugin refuses with the code 5: a directory in which others could hand out addresses. */
function strangersIn(path: string, { mode, owner, isDirectory }: FileStatus): Finding[] {
  const about = { level: 'error', subject: path, isSafe: true } as const;
  if (!isDirectory) {
    const what = 'a file is in the place of the data directory, so no address can be leased';
    const fix = `mv ${word(path)} ${word(`${path}.old`)}`;
    return [
      {
        ...about,
        code: 'data-directory-not-directory',
        what,
        evidence: `${path} is not a directory`,
        fix,
        isSafe: false,
      },
    ];
  }
  const findings: Finding[] = [];
  if (owner !== 0) {
    const what = 'the data directory belongs to another user than root, so the plugin refuses to use it';
    const evidence = `${path}: owner ${owner}`;
    findings.push({ ...about, code: 'data-directory-owner', what, evidence, fix: `chown root ${word(path)}` });
  }
  if ((mode & WRITABLE_BY_ALL) !== 0) {
    const what = 'every user may write to the data directory, so the plugin refuses to use it';
    const evidence = `${path}: mode ${mode.toString(8).padStart(4, '0')}`;
    findings.push({ ...about, code: 'data-directory-writable', what, evidence, fix: `chmod o-w ${word(path)}` });
  }
  return findings;
}

function spaceFor(path: string): Finding[] {
  const { isReadOnly, free, files, freeFiles } = fileSystemOf(path);
  const about = { level: 'error', subject: path, isSafe: false } as const;
  if (isReadOnly) {
    return [
      {
        ...about,
        code: 'data-directory-read-only',
        what: 'the file system of the data directory is mounted read-only, so no address can be leased or released',
        evidence: `statfs(2) of ${path}: read-only`,
        fix: `mount -o remount,rw "$(findmnt -n -o TARGET --target ${word(path)})"`,
      },
    ];
  }
  const isFull = free < LEAST_FREE || (files > 0 && freeFiles < LEAST_FILES);
  if (!isFull) return [];
  return [
    {
      ...about,
      code: 'data-directory-full',
      what: 'the file system of the data directory is full, so no address can be leased; the command shows what takes the room',
      evidence: `statfs(2) of ${path}: ${free} bytes and ${freeFiles} files are free`,
      fix: `du -xah "$(findmnt -n -o TARGET --target ${word(path)})" | sort -h | tail -n 20`,
    },
  ];
}
