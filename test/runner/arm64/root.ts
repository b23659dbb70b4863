/** A root directory for a machine with an arm64 processor: Debian's packages, Bun and esbuild, unpacked and not installed. */

import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import * as esbuild from 'esbuild';
import type { ForeignApt } from '../emulated/apt.ts';
import { runHere } from '../emulated/run.ts';
import { ROOT } from '../tool.ts';

/** What the end-to-end tests run, and a shell for their scripts. */
const PACKAGES = [
  'busybox-static',
  'containernetworking-plugins',
  'coreutils',
  'dash',
  'dnsmasq-base',
  'iproute2',
  'iptables',
  'nftables',
  'strace',
  'util-linux',
];
/** npm's packages with one program each, in the versions that are used here. */
const PROGRAMS = {
  bun: { name: `@oven/bun-linux-aarch64@${Bun.version}`, path: 'bin/bun' },
  esbuild: { name: `@esbuild/linux-arm64@${esbuild.version}`, path: 'bin/esbuild' },
};
/** A part of its name, so that one made otherwise is not used again. */
const RECIPE = Bun.hash(readFileSync(import.meta.path, 'utf8') + JSON.stringify(PROGRAMS)).toString(36);

/** Where things are in it, by their paths there. */
export const PLACES = { programs: '/usr/local/bin', executables: '/opt/trestle' };

/**
 * @param directory where it is kept, for as long as the list of packages and Bun's version are the same
 * @returns its path. @throws Error that says what could not be had
 */
export function ensureRoot(apt: ForeignApt, directory: string, say: (line: string) => void): string {
  const root = join(directory, `root-${RECIPE}`);
  if (!existsSync(root)) {
    const names = [...PACKAGES, ...Object.values(PROGRAMS).map(({ name }) => name)];
    say(`for arm64, unpacked in ${directory}: ${names.join(' ')}`);
    const fresh = `${root}.new`;
    rmSync(fresh, { recursive: true, force: true });
    unpackPackages(apt, fresh);
    for (const [called, program] of Object.entries(PROGRAMS)) {
      unpackProgram(directory, program, join(fresh, PLACES.programs, called));
    }
    renameSync(fresh, root);
  }
  mkdirSync(join(root, ROOT), { recursive: true });
  placeExecutable(join(root, PLACES.executables));
  return root;
}

/** A library that two packages bring, one in place of the other, comes from whichever apt chose. */
function unpackPackages(apt: ForeignApt, root: string): void {
  for (const name of ['proc', 'sys', 'dev', 'tmp', 'run', 'root', 'var/lib']) {
    mkdirSync(join(root, name), { recursive: true });
  }
  const archives = apt.downloadAll(PACKAGES);
  for (const file of readdirSync(archives).filter((name) => name.endsWith('.deb'))) {
    runHere(archives, ['dpkg', '-x', file, root]);
    rmSync(join(archives, file));
  }
  // What Debian's alternatives point to. No maintainer script has run.
  for (const name of ['iptables', 'ip6tables']) {
    for (const verb of ['', '-save', '-restore'])
      symlinkSync(`${name}-nft${verb}`, join(root, 'usr/sbin', name + verb));
  }
  // Under its other names busybox stands in for what no package brought.
  const there = ['bin', 'sbin', 'usr/bin', 'usr/sbin'].flatMap((name) => readdirSync(join(root, name)));
  for (const name of runHere('/', ['/bin/busybox', '--list']).trim().split('\n')) {
    if (!there.includes(name)) symlinkSync('busybox', join(root, 'bin', name));
  }
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
}

function unpackProgram(directory: string, { name, path }: { name: string; path: string }, to: string): void {
  const [file] = JSON.parse(runHere(directory, ['npm', 'pack', '--json', name])) as [{ filename: string }];
  runHere(directory, ['tar', '-xzf', file.filename, `package/${path}`]);
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(join(directory, 'package', path), to);
  for (const rest of ['package', file.filename]) rmSync(join(directory, rest), { recursive: true });
}

/** As an administrator installs it: under the plugins' names. */
function placeExecutable(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  cpSync(join(ROOT, 'dist/trestle-arm64'), join(directory, 'trestle'));
  symlinkSync('trestle', join(directory, 'trestle-ipam'));
}
