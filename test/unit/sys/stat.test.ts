import { expect, test } from 'bun:test';
import {
  appendFileSync,
  closeSync,
  lstatSync,
  openSync,
  type Stats,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type FileStatus, statFile, statLink, statPath } from '../../../src/sys/directory.ts';
import { run } from '../../support/process.ts';
import { scratchDirectory } from '../../support/scratch.ts';

type Known = Omit<FileStatus, 'birthMs'>;

/** What node:fs says, in our words. */
function known(stats: Stats): Known {
  return {
    device: stats.dev,
    inode: stats.ino,
    isFile: stats.isFile(),
    isDirectory: stats.isDirectory(),
    mode: stats.mode & 0o7777,
    owner: stats.uid,
    names: stats.nlink,
    size: stats.size,
    mtimeMs: stats.mtimeMs,
  };
}

function file(): string {
  const path = join(scratchDirectory(), 'ä');
  writeFileSync(path, 'x'.repeat(12_345));
  utimesSync(path, 1, 1_700_000_000.125);
  return path;
}

function link(): string {
  const path = join(scratchDirectory(), 'link');
  symlinkSync(file(), path);
  return path;
}

function fifo(): string {
  const path = join(scratchDirectory(), 'fifo');
  run(['mkfifo', path]);
  return path;
}

/** Whatever else happens on the machine may change the times of what is not ours, between one look and the next. */
function expectAsKnown(ours: () => FileStatus | undefined, theirs: () => Known): void {
  const before = theirs();
  const { birthMs: _, ...found } = ours() as FileStatus;
  expect([before, theirs()]).toContainEqual(found);
}

test.each<[string, () => string]>([
  ['a file', file],
  ['a directory', scratchDirectory],
  ['a link', link],
  ['a FIFO', fifo],
  ['a device', () => '/dev/null'],
  ['a namespace', () => '/proc/self/ns/net'],
  ['the root', () => '/'],
])('%s is as node:fs has it', (_, make) => {
  const path = make();
  expectAsKnown(
    () => statPath(path),
    () => known(statSync(path)),
  );
  expectAsKnown(
    () => statLink(path),
    () => known(lstatSync(path)),
  );
});

test('so is what is open, though its name is gone', () => {
  const path = file();
  const fd = openSync(path, 'r');
  const before = known(statSync(path));
  run(['rm', path]);
  expect(statFile(fd)).toMatchObject({ ...before, names: 0 });
  closeSync(fd);
});

test('what is not there is undefined', () => {
  const dangling = join(scratchDirectory(), 'dangling');
  symlinkSync('/nonexistent', dangling);
  expect([statPath('/nonexistent'), statPath(`${file()}/x`), statPath(dangling), statLink('/nonexistent')]).toEqual(
    Array.from({ length: 4 }, () => undefined),
  );
  expect(statLink(dangling)).toMatchObject(known(lstatSync(dangling)));
});

test('the time of creation stays when the file is written, and a namespace has none', () => {
  const path = file();
  const birthMs = statPath(path)?.birthMs as number;
  expect(birthMs).toBeWithin(Date.now() - 60_000, Date.now() + 1);
  appendFileSync(path, 'more');
  utimesSync(path, 1, 1);
  expect(statPath(path)).toMatchObject({ birthMs, mtimeMs: 1000 });
  expect(statPath('/proc/self/ns/net')?.birthMs).toBeUndefined();
});

test('anything else is an error', () => {
  expect(() => statPath(`/${'x'.repeat(300)}`)).toThrow('ENAMETOOLONG');
  expect(() => statFile(999_999)).toThrow('EBADF');
});
