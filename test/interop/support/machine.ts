/**
 * A node that a runtime takes for a whole machine: besides the network namespace of a ScratchNode it has /etc, /opt, /run and
 * /var/lib of its own to write to, and process numbers of its own. When it is deleted, or the test process ends in
 * whatever way, the kernel ends everything inside and forgets its mounts.
 */

import { existsSync, mkdirSync, readdirSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { REFERENCE_DIRECTORY } from '../../support/artifacts.ts';
import { entering, type Netns } from '../../support/netns.ts';
import { createNode, type NodeOptions, type ScratchNode } from '../../support/node.ts';
import { type Finished, type RunOptions, run, SYSTEM_PATH, tool, tryRun } from '../../support/process.ts';

export interface Machine extends Disposable {
  readonly node: ScratchNode;
  /** A control group of its own, by its path below each hierarchy: containers started in it go with the machine. */
  readonly cgroup: string;
  /** Runs a program inside and returns its stdout. @throws Error with the command line and stderr when it fails. */
  run(argv: readonly string[], options?: RunOptions): string;
  /** Runs a program inside, whatever comes of it. */
  tryRun(argv: readonly string[], options?: RunOptions): Finished;
  /** The command line that runs `argv` inside. */
  entering(argv: readonly string[]): string[];
  /** A file of the machine, by a path that the test itself can open. */
  path(inside: string): string;
  /** Writes a file of the machine, as JSON unless it is text, and returns its path inside. */
  write(inside: string, content: unknown, mode?: number): string;
  /** An empty file system for a directory. A runtime keeps the layers of containers on one: overlays cannot lie on overlays. */
  mountTmpfs(inside: string): void;
  /** A network namespace by its path inside: of `ip netns add`, of a runtime, or `/proc/PID/ns/net`. */
  netns(inside: string): Netns;
  /** Makes a network namespace in /run/netns, as `ip netns add` does. */
  addNetns(name: string): Netns;
  /** Ends everything inside. Idempotent. */
  delete(): void;
}

const SCRIPT = join(import.meta.dir, 'machine.sh');
const CGROUPS = '/sys/fs/cgroup';

/** Makes a machine. Hold it with `using machine = await createMachine()`, or delete() it in afterAll. */
export async function createMachine(options: NodeOptions = {}): Promise<Machine> {
  const node = createNode(options);
  try {
    return machineOn(node, await start(node));
  } catch (error) {
    node.delete();
    throw error;
  }
}

/** Puts links to programs into the machine's directory of plugins, by the names that configurations know them by. */
export function installPlugins(machine: Machine, programs: Readonly<Record<string, string>>): void {
  const directory = machine.path('/opt/cni/bin');
  mkdirSync(directory, { recursive: true });
  for (const [name, program] of Object.entries(programs)) symlinkSync(program, join(directory, name));
}

/** Plugins of these names out of one directory, for installPlugins. */
export function pluginsFrom(directory: string, ...names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, join(directory, name)]));
}

/** Debian's reference plugins of these names, for installPlugins. */
export function referencePlugins(...names: string[]): Record<string, string> {
  return pluginsFrom(REFERENCE_DIRECTORY, ...names);
}

function machineOn(node: ScratchNode, pid: number): Machine {
  const cgroup = `/${basename(node.directory)}`;
  const root = `/proc/${pid}/root`;
  const inside = (argv: readonly string[]) => [tool('nsenter'), `--target=${pid}`, ...ALL, '--', ...argv];
  const machine: Machine = {
    node,
    cgroup,
    run: (argv, options) => run(inside(argv), options),
    tryRun: (argv, options) => tryRun(inside(argv), options),
    entering: inside,
    path: (path) => join(root, path),
    write: (path, content, mode) => write(join(root, path), content, mode) ?? path,
    mountTmpfs: (path) => machine.run(['sh', '-c', 'mkdir -p "$1" && mount -t tmpfs tmpfs "$1"', 'sh', path]),
    netns: (path) => foreignNetns(join(root, path)),
    addNetns(name) {
      machine.run(['ip', 'netns', 'add', name]);
      return machine.netns(`/run/netns/${name}`);
    },
    delete() {
      end(pid);
      node.delete();
      removeCgroup(cgroup);
    },
    [Symbol.dispose]: () => machine.delete(),
  };
  return machine;
}

const ALL = ['--mount', '--pid', '--net'];

/** Starts the machine's first process. @returns its number */
async function start(node: ScratchNode): Promise<number> {
  const unshare = [tool('unshare'), '--mount', '--pid', '--fork', '--kill-child', '--', '/bin/sh', SCRIPT];
  const argv = entering(node.ns, [...unshare, node.directory]);
  const options = { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe', env: { PATH: SYSTEM_PATH } } as const;
  const child = Bun.spawn(argv, options);
  const { value } = await child.stdout.getReader().read();
  const pid = Number(new TextDecoder().decode(value));
  if (pid > 0) return pid;
  throw new Error(`cannot make a machine: ${await child.stderr.text()}`);
}

function write(path: string, content: unknown, mode = 0o644): undefined {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content, undefined, 2), { mode });
}

/** Somebody else made it and removes it. */
function foreignNetns(path: string): Netns {
  const remove = () => {};
  return { name: basename(path), path, exists: () => existsSync(path), delete: remove, [Symbol.dispose]: remove };
}

/** With the first process of a PID namespace the kernel ends all others, and the first one is gone when they are. */
function end(pid: number): void {
  if (!existsSync(`/proc/${pid}`)) return;
  process.kill(pid, 'SIGKILL');
  for (let tries = 0; existsSync(`/proc/${pid}`); tries++) {
    if (tries === 1000) throw new Error(`process ${pid}, the first of a machine, does not end`);
    Bun.sleepSync(10);
  }
}

/** In every hierarchy, the innermost first. */
function removeCgroup(cgroup: string): void {
  const roots = [CGROUPS, ...readdirSync(CGROUPS).map((name) => join(CGROUPS, name))];
  for (const directory of roots.map((root) => join(root, cgroup))) if (existsSync(directory)) removeTree(directory);
}

function removeTree(directory: string): void {
  const inner = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of inner) removeTree(join(directory, name));
  rmdirSync(directory);
}
