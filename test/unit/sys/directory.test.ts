import { expect, test } from 'bun:test';
import { mkdirSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listDirectory, readLink, statPath } from '../../../src/sys/directory.ts';
import { findNetnsInUse } from '../../../src/sys/netns.ts';
import { openedSince, openFiles } from '../../support/open-files.ts';
import { scratchDirectory } from '../../support/scratch.ts';

test('a directory’s names are as node:fs has them', () => {
  const directory = scratchDirectory();
  expect(listDirectory(directory)).toEqual([]);
  mkdirSync(join(directory, 'sub'));
  for (const name of ['a', '.hidden', '...', 'ä€', 'x'.repeat(255), '10.1.0.2'])
    writeFileSync(join(directory, name), '');
  expect(listDirectory(directory).sort()).toEqual(readdirSync(directory).sort());
});

test('also when there are more than one look gives', () => {
  const directory = scratchDirectory();
  for (let at = 0; at < 3000; at++) writeFileSync(join(directory, `${'n'.repeat(at % 90)}-${at}`), '');
  const names = listDirectory(directory);
  expect(new Set(names).size).toBe(3000);
  expect(names.sort()).toEqual(readdirSync(directory).sort());
});

test('what is no directory has no names', () => {
  expect(() => listDirectory('/nonexistent')).toThrow('ENOENT');
  expect(() => listDirectory('/dev/null')).toThrow('ENOTDIR');
});

test('nothing stays open', () => {
  const before = openFiles();
  for (let times = 0; times < 3; times++) listDirectory('/');
  expect(openedSince(before)).toEqual([]);
});

test('a link says where it leads', () => {
  const path = join(scratchDirectory(), 'link');
  const target = `/ä/${'x'.repeat(1000)}`;
  symlinkSync(target, path);
  expect([readLink(path), readLink('/proc/self/ns/net')]).toEqual([target, readlinkSync('/proc/self/ns/net')]);
  expect(() => readLink('/dev/null')).toThrow('EINVAL');
  expect(() => readLink('/nonexistent')).toThrow('ENOENT');
});

test('our own namespace is one that is in use', () => {
  const inUse = findNetnsInUse().inodes;
  expect(inUse.has(statPath('/proc/self/ns/net')?.inode ?? 0)).toBe(true);
  expect(inUse.has(1)).toBe(false);
});
