/** What `trestle doctor` looks at, and what it finds. */

import type { ProbeTarget } from '../../netlink/probe/probe.ts';
import type { Node } from '../../resources/node.ts';
import type { Variables } from '../context.ts';
import type { Inventory } from '../inventory/inventory.ts';

/** `error`: something does not work, or will not after the next change; `warning`: it may not. */
export type Level = 'error' | 'warning';

/** One thing that is wrong. A node on which all is well has none. */
export interface Finding {
  readonly level: Level;
  /** Stable, for scripts: `port-not-on-bridge`. docs/doctor.md has the list. */
  readonly code: string;
  /** What it is about: `pods shop/web-0 eth0`, `bridge cni0`, `/etc/cni/net.d/10-a.conflist`, `node`. */
  readonly subject: string;
  /** What is wrong, one sentence. */
  readonly what: string;
  /** What was read, and where. */
  readonly evidence: string;
  /** The command line that mends it. */
  readonly fix: string;
  /** Whether `--fix` runs the command line: it takes nothing away that a container or another program uses. */
  readonly isSafe: boolean;
}

/** What a section found, and a few words on what it looked at, for a section without findings. */
export interface Report {
  readonly summary: string;
  readonly findings: readonly Finding[];
}

/** A part of the examination, a line of its output. It only reads. */
export interface Section {
  readonly name: string;
  examine(examination: Examination): Report;
}

/** What the operator asks `doctor` to send. */
export interface ProbeWish {
  readonly to: readonly ProbeTarget[];
  /** From the containers of this network only. */
  readonly network: string | undefined;
}

export interface Examination {
  /** What to send from the containers; undefined where nothing is asked for. */
  readonly probe?: ProbeWish | undefined;
  readonly node: Node;
  readonly inventory: Inventory;
  readonly variables: Variables;
  readonly confDir: string;
  /** The directories in which a runtime looks for plugins. */
  readonly binDirs: readonly string[];
  /** The directory below which libcni keeps results of ADD, for itself. */
  readonly cacheDir: string;
  /** Reads a file below /proc; undefined where there is none, or it may not be read. `path` is `sys/user/max_net_namespaces`. */
  readonly readProc: (path: string) => string | undefined;
  /** A file with the records of the kernel's log; undefined where that log is not the one of this network namespace. */
  readonly kernelLog: string | undefined;
  /** Programs that start containers here. */
  readonly runtimes: readonly Runtime[];
}

/** A container runtime, or kubelet, that runs on the node. */
export interface Runtime {
  readonly name: string;
  /** What shows that it runs: its socket. */
  readonly evidence: string;
  /** Its program's answer to `--version`; asked only where the answer matters. */
  version(): string | undefined;
}
