/** The file that a log is appended to, and what is refused in its place. */

import { expect, test } from 'bun:test';
import { linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { closeFile, O_RDONLY, openFile } from '../../../src/sys/file.ts';
import { appendLine, openLogFile } from '../../../src/sys/log-file.ts';
import { run } from '../../support/process.ts';
import { scratchDirectory } from '../../support/scratch.ts';

function inDirectory(name: string, make: (path: string, directory: string) => void): string {
  const directory = scratchDirectory();
  make(join(directory, name), directory);
  return join(directory, name);
}

function append(path: string, ...lines: string[]): void {
  const fd = openLogFile(path);
  try {
    for (const line of lines) appendLine(fd, line);
  } finally {
    closeFile(fd);
  }
}

test('is made where it is missing, for its owner to write and its group to read', () => {
  const path = join(scratchDirectory(), 'trestle.log');
  append(path, 'ä', 'b');
  expect(readFileSync(path, 'utf8')).toBe('ä\nb\n');
  expect(statSync(path).mode & 0o777).toBe(0o640 & ~process.umask());
});

test('keeps what is there, also what another process appends meanwhile', () => {
  const path = inDirectory('trestle.log', (at) => writeFileSync(at, 'old\n'));
  const fd = openLogFile(path);
  append(path, 'other');
  appendLine(fd, 'mine');
  closeFile(fd);
  expect(readFileSync(path, 'utf8')).toBe('old\nother\nmine\n');
});

test.each<[string, (path: string, directory: string) => void, string]>([
  ['a directory', (path) => mkdirSync(path), 'not a regular file'],
  ['a pipe that nobody reads', (path) => run(['mkfifo', path]), 'not a regular file'],
  ['a link to a file', linkToFile, 'not a regular file'],
  ['a link to nothing', (path) => symlinkSync('/nonexistent/x', path), 'not a regular file'],
])('%s is refused at once', (_, make, reason) => {
  const path = inDirectory('trestle.log', make);
  expect(() => openLogFile(path)).toThrow(reason);
});

test('a device is refused, without being opened', () => {
  expect(() => openLogFile('/dev/null')).toThrow('not a regular file');
});

test('what a link leads to is not touched', () => {
  const path = inDirectory('trestle.log', linkToFile);
  expect(() => openLogFile(path)).toThrow();
  expect(readFileSync(path, 'utf8')).toBe('precious');
});

test('another name of somebody’s file is refused, and that is not touched', () => {
  const path = inDirectory('trestle.log', (at, directory) => {
    writeFileSync(join(directory, 'other'), 'x\n');
    linkSync(join(directory, 'other'), at);
  });
  expect(() => openLogFile(path)).toThrow('hard link');
  expect(readFileSync(path, 'utf8')).toBe('x\n');
});

test('a missing directory is told as the system tells it', () => {
  expect(() => openLogFile(join(scratchDirectory(), 'none/trestle.log'))).toThrow('no such file or directory');
});

test('a device that is full is told', () => {
  const fd = openFile('/dev/full', O_RDONLY | 1);
  expect(() => appendLine(fd, 'x')).toThrow('no space left on device');
  closeFile(fd);
});

function linkToFile(path: string, directory: string): void {
  writeFileSync(join(directory, 'target'), 'precious');
  symlinkSync('target', path);
}
