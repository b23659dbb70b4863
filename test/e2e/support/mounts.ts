/** An artifact that finds other file systems mounted than the machine has, in a mount namespace of its own. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from '../../support/artifacts.ts';
import type { ScratchNode } from '../../support/node.ts';
import { tool } from '../../support/process.ts';
import { traced } from './strace.ts';

/**
 * `mounts` are commands of a shell that has mkdir and mount; the plugin then runs with them in effect, and nobody else
 * sees them.
 */
export function withMounts(node: ScratchNode, artifact: Artifact, mounts: readonly string[]): Artifact {
  const directory = join(node.directory, 'mounted');
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'plugin');
  const inside = [...mounts.map((command) => `${tool('busybox')} ${command} || exit 99`), `exec "${artifact.path}"`];
  writeFileSync(path, `#!/bin/sh\nexec ${tool('unshare')} --mount /bin/sh -c '${inside.join('\n')}'\n`, {
    mode: 0o755,
  });
  return { ...artifact, path };
}

/** The node's data directory in the place of the default one. */
export function withDefaultDataDir(node: ScratchNode, artifact: Artifact): Artifact {
  mkdirSync(node.dataDir, { recursive: true });
  return withMounts(node, artifact, [
    'mount -t tmpfs tmpfs /var/lib',
    'mkdir -p /var/lib/cni/networks',
    `mount --bind ${node.dataDir} /var/lib/cni/networks`,
  ]);
}

/** A file or directory of the machine that cannot be written to. */
export function withReadOnly(node: ScratchNode, artifact: Artifact, path: string): Artifact {
  return withMounts(node, artifact, [`mount --bind ${path} ${path}`, `mount -o remount,bind,ro ${path}`]);
}

/** A machine with that ID in /etc/machine-id, and no other. */
export function withMachineId(node: ScratchNode, artifact: Artifact, id: string): Artifact {
  const file = join(node.directory, 'machine-id');
  writeFileSync(file, id);
  const places = ['/etc/machine-id', '/var/lib/dbus/machine-id'].filter((path) => existsSync(path));
  const mounts = places.map((path) => `mount --bind ${file} ${path}`);
  return withMounts(node, artifact, mounts);
}

/** /proc/sys is read-only, and the kernel refuses to mount another proc. */
export function withoutWritableProc(node: ScratchNode, artifact: Artifact): Artifact {
  const refusing = traced(node, artifact, '-e trace=fsopen -e inject=fsopen:error=EPERM').artifact;
  return withReadOnly(node, refusing, '/proc/sys');
}
