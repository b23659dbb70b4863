/**
 * Scratch network namespaces. Every command of a test runs inside one of these, never in the machine's own namespace.
 * `nsenter --net=` enters it; `ip netns exec` would remount /sys as well.
 */

import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { type Finished, type RunOptions, run, SYSTEM_PATH, tool, tryRun } from './process.ts';
import { scratchName } from './scratch.ts';

export interface Netns extends Disposable {
  readonly name: string;
  /** `/run/netns/NAME`, what a runtime passes as CNI_NETNS. */
  readonly path: string;
  exists(): boolean;
  /** Removes the namespace, and what runs in it. Does not mind if it is gone. */
  delete(): void;
}

const OWN = readlinkSync('/proc/self/ns/net');

/** A fresh, empty namespace: lo is down, as a runtime hands it over. Use it with `using`, or call delete(). */
export function createNetns(): Netns {
  const name = scratchName();
  const path = `/run/netns/${name}`;
  run(['ip', 'netns', 'add', name]);
  const remove = () => deleteNetns(ns);
  const ns: Netns = {
    name,
    path,
    exists: () => identity(path) !== undefined,
    delete: remove,
    [Symbol.dispose]: remove,
  };
  if (identity(path) === OWN) throw new Error(`${path} is the machine's own network namespace`);
  return ns;
}

/** Runs a program inside and returns its stdout. @throws Error with the command line and stderr when it fails. */
export function exec(ns: Netns, argv: readonly string[], options: RunOptions = {}): string {
  return run(entering(ns, argv), options);
}

/** Runs a program inside, whatever comes of it. */
export function tryExec(ns: Netns, argv: readonly string[], options: RunOptions = {}): Finished {
  return tryRun(entering(ns, argv), options);
}

/** Several `ip` commands as one process: one a line, without the leading `ip`. Stops at the first that fails. */
export function ipBatch(ns: Netns, commands: string): void {
  const lines = commands.split('\n').map((line) => line.trim());
  exec(ns, ['ip', '-batch', '-'], { stdin: lines.filter((line) => line !== '').join('\n') });
}

/** A long-running program inside, with a pipe as stdin: it must end when that ends, so that it never outlives the test. */
export function spawnIn(ns: Netns, argv: readonly string[]): Bun.Subprocess<'pipe', 'pipe', 'pipe'> {
  const options = { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe', env: { PATH: SYSTEM_PATH } } as const;
  return Bun.spawn(entering(ns, argv), options);
}

/** The command line that runs `argv` inside. */
export function entering(ns: Pick<Netns, 'path'>, argv: readonly string[]): string[] {
  return [tool('nsenter'), `--net=${ns.path}`, '--', ...argv];
}

function deleteNetns(ns: Netns): void {
  if (identity(ns.path) === undefined) return;
  for (const pid of pidsIn(ns)) kill(pid);
  tryRun(['ip', 'netns', 'delete', ns.name]);
}

/** The processes in the namespace; nobody but the test can have started them. */
function pidsIn(ns: Netns): number[] {
  const wanted = identity(ns.path);
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => wanted !== OWN && link(`/proc/${pid}/ns/net`) === wanted).map(Number);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}

/** `net:[inode]`, as the links in /proc/PID/ns read; undefined where there is no such file. */
export function identity(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat && `net:[${stat.ino}]`;
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
