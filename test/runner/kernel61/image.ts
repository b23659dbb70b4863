/** Debian's stock kernel, and an initramfs for it: fetched and made once, kept in a directory of the project that git ignores. */

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../tool.ts';
import { modulesOf } from './modules.ts';

export interface Image {
  readonly kernel: string;
  readonly initramfs: string;
  /** `6.1.0-56-amd64` */
  readonly release: string;
}

const GUEST = join(import.meta.dir, 'guest');
const CACHE = join(ROOT, '.cache/kernel61');
/** A part of the initramfs' name, so that one made by other scripts, or for other modules, is not used again. */
const RECIPE = Bun.hash(
  ['guest/init', 'guest/main', 'guest/modprobe', 'modules.ts', 'image.ts']
    .map((file) => readFileSync(join(import.meta.dir, file), 'utf8'))
    .join(),
).toString(36);

/** @throws Error that says what could not be had */
export function ensureImage(say: (line: string) => void): Image {
  mkdirSync(CACHE, { recursive: true });
  const kept = readIfThere(join(CACHE, 'release'));
  const release = kept ?? fetchKernel(say);
  const initramfs = join(CACHE, `initramfs-${RECIPE}`);
  if (!existsSync(initramfs)) makeInitramfs(release, initramfs);
  return { kernel: join(CACHE, `tree/boot/vmlinuz-${release}`), initramfs, release };
}

/** The package is unpacked and not installed: nothing of the machine's own boot changes. */
function fetchKernel(say: (line: string) => void): string {
  let name = packageName();
  if (name === undefined) {
    run(['apt-get', 'update', '-q']);
    name = packageName();
  }
  const release = name?.replace('linux-image-', '');
  if (name === undefined || release === undefined) throw new Error('apt knows no package linux-image-amd64');
  if (!release.startsWith('6.1.')) throw new Error(`linux-image-amd64 is ${release} here, not Debian 12's 6.1`);
  say(`apt-get download ${name}: a second kernel for the tests, unpacked in ${CACHE}`);
  const tree = join(CACHE, 'tree');
  rmSync(tree, { recursive: true, force: true });
  run([
    'sh',
    '-c',
    `rm -f *.deb; apt-get download -q ${name} || { apt-get update -q && apt-get download -q ${name}; }`,
  ]);
  run(['sh', '-c', `dpkg -x ${name}_*.deb tree && rm *.deb`]);
  writeFileSync(join(CACHE, 'release'), release);
  return release;
}

/** linux-image-amd64 is empty, and depends on the real one. */
function packageName(): string | undefined {
  const listed = run(['apt-cache', 'depends', '--important', 'linux-image-amd64'], { mayFail: true });
  return /Depends: (linux-image-\S+)/.exec(listed)?.[1];
}

/** busybox, our three scripts, and the modules. */
function makeInitramfs(release: string, path: string): void {
  const root = join(CACHE, 'root');
  rmSync(root, { recursive: true, force: true });
  for (const directory of ['bin', 'sbin', 'proc', 'machine', 'project', 'exchange']) {
    mkdirSync(join(root, directory), { recursive: true });
  }
  cpSync('/bin/busybox', join(root, 'bin/busybox'));
  run([
    'sh',
    '-c',
    'for name in $(root/bin/busybox --list); do [ -e root/bin/$name ] || ln -s busybox root/bin/$name; done',
  ]);
  symlinkSync('../bin/busybox', join(root, 'sbin/modprobe'));
  for (const script of ['init', 'main', 'modprobe']) {
    cpSync(join(GUEST, script), join(root, script));
    chmodSync(join(root, script), 0o755);
  }
  copyModules(release, root);
  run(['sh', '-c', '(cd root && find . | ./bin/busybox cpio -o -H newc) >initramfs.new']);
  renameSync(join(CACHE, 'initramfs.new'), path);
  rmSync(root, { recursive: true });
}

function copyModules(release: string, root: string): void {
  const all = join('lib/modules', release);
  run(['root/bin/busybox', 'depmod', '-b', 'tree', release]);
  const dependencies = readFileSync(join(CACHE, 'tree', all, 'modules.dep'), 'utf8');
  for (const file of modulesOf(dependencies)) {
    mkdirSync(dirname(join(root, all, file)), { recursive: true });
    cpSync(join(CACHE, 'tree', all, file), join(root, all, file));
  }
  cpSync(join(CACHE, 'tree', all, 'modules.builtin'), join(root, all, 'modules.builtin'));
  run(['root/bin/busybox', 'depmod', '-b', 'root', release]);
}

function run(argv: string[], { mayFail = false } = {}): string {
  const [file = '', ...args] = argv;
  const done = spawnSync(file, args, { cwd: CACHE, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (done.status === 0 || mayFail) return done.stdout ?? '';
  throw new Error(`${argv.join(' ')}: ${done.error?.message ?? (done.stderr.trim() || `exit status ${done.status}`)}`);
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
