/**
 * The executables of iptables. Rules go in through `iptables-restore`, as text on its stdin: one process serves for any
 * number of changes to a table, which happen together or not at all, and no text of ours can become an option of the program.
 */

import type { Family } from '../../address/ip.ts';
import { Fault, reasonOf } from '../../fault.ts';
import { type Ended, findProgram, runProgram } from '../../sys/process.ts';

/** Which iptables: over nf_tables, over the kernel's older tables, or the one that the node's administrator chose. */
export type Flavour = 'nft' | 'legacy' | 'default';

/** Where programs are looked for: PATH as the runtime gave it. */
export interface Programs {
  readonly searchPath: string;
}

const PREFIX: Record<Family, string> = { 4: 'iptables', 6: 'ip6tables' };
/** Runtimes do not always hand a PATH on. */
const USUAL_DIRECTORIES = ['/usr/sbin', '/sbin', '/usr/local/sbin', '/usr/bin', '/bin'];
/** How long iptables waits for the lock of its older flavour; DEADLINE_MS is how long we wait for iptables. */
const LOCK_SECONDS = 10;
const DEADLINE_MS = 20_000;
/** The status by which iptables says that it did not get the lock (xtables.h). */
const RESOURCE_PROBLEM = 4;

/** Changes that were refused: `line` is the place in the input, from 1, where iptables says it. */
export interface Refusal {
  readonly line: number | undefined;
  readonly fault: Fault;
}

/** A table's name and the commands for it, as iptables-save writes rules. */
export interface TableChanges {
  readonly table: 'nat' | 'filter';
  readonly commands: readonly string[];
}

/**
 * Carries out the changes, table by table: all commands of an entry, or none.
 * @returns what was refused, if anything was. @throws Fault `unsupported` where iptables is not installed
 */
export function restore(
  programs: Programs,
  family: Family,
  flavour: Flavour,
  first: TableChanges,
  ...others: readonly TableChanges[]
): Refusal | undefined {
  const file = executable(programs, family, flavour, 'restore');
  const sections = [first, ...others].map(({ table, commands }) => [`*${table}`, ...commands, 'COMMIT', ''].join('\n'));
  const args = ['--noflush', '-w', String(LOCK_SECONDS)];
  const ended = run(programs, file, args, sections.join(''));
  return ended.succeeded ? undefined : refusalOf(file, first.table, ended);
}

/** Like `restore`, for changes that must not be refused. @throws Fault */
export function mustRestore(programs: Programs, family: Family, flavour: Flavour, changes: TableChanges): void {
  const refusal = restore(programs, family, flavour, changes);
  if (refusal !== undefined) throw refusal.fault;
}

/** The rules of a table, a line each, as `-A CHAIN …`. @throws Fault */
export function savedRules(
  programs: Programs,
  family: Family,
  flavour: Flavour,
  table: TableChanges['table'],
): string[] {
  const file = executable(programs, family, flavour, 'save');
  const ended = run(programs, file, ['-t', table], '');
  if (!ended.succeeded) throw refusalOf(file, table, ended).fault;
  return ended.stdout.split('\n').filter((line) => line.startsWith('-A '));
}

/**
 * The programs that change and show a family's rules. None of them is run: the older iptables makes a table by looking at it.
 * @throws Fault `unsupported` that says what is missing
 */
export function findPrograms(programs: Programs, family: Family, flavour: Flavour): readonly string[] {
  return (['restore', 'save'] as const).map((action) => executable(programs, family, flavour, action));
}

/** Directories of a system's programs, for a PATH that lacks them. */
export function usualDirectories(): readonly string[] {
  return USUAL_DIRECTORIES;
}

/**
 * Whether iptables is not installed, or refuses a request, so that it will fail until the node's owner mends it. False where
 * another program holds its lock (`busy`), since the next call may succeed.
 */
export function isBroken(error: unknown): error is Fault {
  return error instanceof Fault && (error.kind === 'unsupported' || error.kind === 'kernel');
}

/** A text as one word of a rule. */
export function quoted(word: string): string {
  return `"${word.replace(/[\x22\\]/g, '\\$&')}"`;
}

/** The comment of a rule that iptables-save wrote. */
export function commentOf(rule: string): string | undefined {
  const found = /\s--comment (?:\x22((?:\\.|[^\x22\\])*)\x22|(\S+))/.exec(rule);
  return found?.[1]?.replace(/\\(.)/g, '$1') ?? found?.[2];
}

function executable(programs: Programs, family: Family, flavour: Flavour, action: 'restore' | 'save'): string {
  const plain = `${PREFIX[family]}-${action}`;
  const names = flavour === 'default' ? [plain] : [`${PREFIX[family]}-${flavour}-${action}`, plain];
  const directories = [...programs.searchPath.split(':').filter((one) => one.startsWith('/')), ...USUAL_DIRECTORIES];
  for (const name of names) {
    const found = findProgram(name, directories);
    if (found !== undefined) return found;
  }
  throw new Fault('unsupported', `cannot run ${names[0]}: it is in none of ${[...new Set(directories)].join(', ')}`, {
    details: 'Install the package "iptables" on the node, which brings iptables and ip6tables.',
  });
}

/** Runs a program with a PATH, which iptables needs to load a kernel module. */
function run({ searchPath }: Programs, file: string, args: readonly string[], input: string): Ended {
  const env = { PATH: [searchPath, ...USUAL_DIRECTORIES].filter((part) => part !== '').join(':') };
  return runProgram({ file, args, env, input, deadlineMs: DEADLINE_MS });
}

function refusalOf(file: string, table: TableChanges['table'], ended: Ended): Refusal {
  const name = file.slice(file.lastIndexOf('/') + 1);
  const said = reasonOf(ended.stderr.replace(/^#.*$/gm, '')).slice(0, 300);
  const line = /\bline:? (\d+)/.exec(said)?.[1];
  const reason = ended.timedOut ? `it did not end within ${DEADLINE_MS / 1000} s` : said || `status ${ended.status}`;
  const isHeld = ended.timedOut || ended.status === RESOURCE_PROBLEM;
  const fault = new Fault(isHeld ? 'busy' : 'kernel', `${name} refused a change: ${reason}`, {
    details: `Try "${name.replace(/-(restore|save)$/, '')} -t ${table} -S" on the node; another program may hold its lock.`,
  });
  return { line: line === undefined ? undefined : Number(line), fault };
}
