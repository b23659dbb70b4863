/** iptables in both its flavours, read with its own programs. */

import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from './artifacts.ts';
import { exec, type Netns } from './netns.ts';
import { SYSTEM_PATH, tool } from './process.ts';
import { scratchDirectory } from './scratch.ts';

export type Flavour = 'nft' | 'legacy';
export const FLAVOURS: readonly Flavour[] = ['nft', 'legacy'];

const directories = new Map<Flavour, string>();

/** An artifact that finds iptables of one flavour first in its PATH. */
export function withFlavour(artifact: Artifact, flavour: Flavour): Artifact {
  const { name, path, searchPath } = artifact;
  return { name, path, searchPath: `${directoryOf(flavour)}:${searchPath}` };
}

/** A PATH by which iptables of one flavour is found first. */
export function programsOf(flavour: Flavour): string {
  return `${directoryOf(flavour)}:${SYSTEM_PATH}`;
}

/** The rules of a table as iptables-save has them, each line of `-A` and each chain that is not built in. */
export function savedRules(ns: Netns, flavour: Flavour, family: 4 | 6, table: 'nat' | 'filter'): string[] {
  const saved = exec(ns, [`${family === 4 ? 'iptables' : 'ip6tables'}-${flavour}-save`, '-t', table]);
  const lines = saved.split('\n').filter((line) => /^-A |^:\S+ - /.test(line));
  return lines.map((line) => line.replace(/ \[\d+:\d+\]$/, ''));
}

/** Runs iptables with these arguments, for IPv4 and IPv6. */
export function iptables(ns: Netns, flavour: Flavour, ...args: readonly string[]): void {
  for (const name of ['iptables', 'ip6tables']) exec(ns, [`${name}-${flavour}`, ...args]);
}

function directoryOf(flavour: Flavour): string {
  const there = directories.get(flavour);
  if (there !== undefined) return there;
  const directory = join(scratchDirectory(), flavour);
  mkdirSync(directory);
  for (const family of ['iptables', 'ip6tables'])
    for (const action of ['', '-restore', '-save'])
      symlinkSync(tool(`${family}-${flavour}${action}`), join(directory, `${family}${action}`));
  directories.set(flavour, directory);
  return directory;
}
