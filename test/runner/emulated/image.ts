/** What a machine boots: a kernel of Debian's, and an initramfs for it, made once and kept in a directory that git ignores. */

import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Apt } from './apt.ts';
import { ensureKernel, type KernelPackage } from './kernel.ts';
import { modulesOf } from './modules.ts';
import { runHere } from './run.ts';

export interface Image {
  readonly kernel: string;
  readonly initramfs: string;
  /** `6.1.0-56-amd64` */
  readonly release: string;
}

export interface ImageSource {
  readonly package: KernelPackage;
  readonly apt: Apt;
  /** A static busybox for the machine's processor. */
  readonly busybox: string;
  /** Where it is kept. */
  readonly directory: string;
}

const GUEST = join(import.meta.dir, 'guest');
/** This machine's own, of the same Debian: its names are the other's too, and it reads modules for any processor. */
const BUSYBOX = '/bin/busybox';
/** A part of the initramfs' name, so that one made by other scripts, or for other modules, is not used again. */
const RECIPE = Bun.hash(
  ['guest/init', 'guest/main', 'guest/modprobe', 'modules.ts', 'image.ts']
    .map((file) => readFileSync(join(import.meta.dir, file), 'utf8'))
    .join(),
).toString(36);

/** @throws Error that says what could not be had */
export function ensureImage(source: ImageSource, say: (line: string) => void): Image {
  const { directory } = source;
  mkdirSync(directory, { recursive: true });
  const release = ensureKernel(source.package, source.apt, directory, say);
  const initramfs = join(directory, `initramfs-${RECIPE}`);
  if (!existsSync(initramfs)) makeInitramfs(source, release, initramfs);
  return { kernel: join(directory, `tree/boot/vmlinuz-${release}`), initramfs, release };
}

/** busybox, our three scripts, and the modules. */
function makeInitramfs({ directory, busybox }: ImageSource, release: string, path: string): void {
  const root = join(directory, 'root');
  rmSync(root, { recursive: true, force: true });
  for (const name of ['bin', 'sbin', 'proc', 'machine', 'exchange']) mkdirSync(join(root, name), { recursive: true });
  cpSync(busybox, join(root, 'bin/busybox'));
  for (const name of runHere(directory, [BUSYBOX, '--list']).trim().split('\n')) {
    if (name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name));
  }
  symlinkSync('../bin/busybox', join(root, 'sbin/modprobe'));
  for (const script of ['init', 'main', 'modprobe']) {
    cpSync(join(GUEST, script), join(root, script));
    chmodSync(join(root, script), 0o755);
  }
  copyModules(directory, release, root);
  runHere(directory, ['sh', '-c', `(cd root && find . | ${BUSYBOX} cpio -o -H newc) >initramfs.new`]);
  renameSync(join(directory, 'initramfs.new'), path);
  rmSync(root, { recursive: true });
}

/** Uncompressed, so that the kernel can read them itself. */
function copyModules(directory: string, release: string, root: string): void {
  const [from, to] = [join(directory, 'tree/lib/modules', release), join(root, 'lib/modules', release)];
  runHere(directory, [BUSYBOX, 'depmod', '-b', 'tree', release]);
  for (const file of modulesOf(readFileSync(join(from, 'modules.dep'), 'utf8'))) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    cpSync(join(from, file), join(to, file));
    if (file.endsWith('.xz')) runHere(to, [BUSYBOX, 'unxz', file]);
  }
  cpSync(join(from, 'modules.builtin'), join(to, 'modules.builtin'));
  runHere(directory, [BUSYBOX, 'depmod', '-b', 'root', release]);
}
