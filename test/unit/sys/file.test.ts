/** Files through the C library, compared with what node:fs says of them. */

import { describe, expect, test } from 'bun:test';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isOnFileSystem } from '../../../src/sys/directory.ts';
import * as file from '../../../src/sys/file.ts';
import { SystemError } from '../../../src/sys/libc.ts';
import { thrownBy } from '../../support/fault.ts';
import { openedSince, openFiles } from '../../support/open-files.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const NEW = file.O_WRONLY | file.O_CREAT | file.O_EXCL;
const PROC_SUPER_MAGIC = 0x9fa0;

/** A path in a fresh directory, with that content if one is given. */
function scratchFile(content?: string | Uint8Array): string {
  const path = join(scratchDirectory(), 'file');
  if (content !== undefined) writeFileSync(path, content);
  return path;
}

function codeOf(action: () => unknown): string {
  const error = thrownBy(action);
  expect(error).toBeInstanceOf(SystemError);
  return (error as SystemError).code;
}

describe('reading', () => {
  test.each([0, 1, 65_535, 65_536, 65_537, 200_000])('%d bytes', (length) => {
    const text = 'abc'.repeat(length).slice(0, length);
    expect(file.readText(scratchFile(text))).toBe(text);
    expect(file.readWholeText(scratchFile(text))).toBe(text);
  });

  test('letters of several bytes, wherever the buffer ends', () => {
    for (const lead of ['', 'x', 'xx']) {
      const text = lead + '€'.repeat(50_000);
      expect(file.readText(scratchFile(text))).toBe(text);
    }
  });

  test('what the kernel makes up, whose size nobody knows', () => {
    expect(file.readText('/proc/self/comm')).toBe(readFileSync('/proc/self/comm', 'utf8'));
    expect(file.readText('/proc/filesystems')).toBe(readFileSync('/proc/filesystems', 'utf8'));
  });

  test('leaves nothing open, also when it fails', () => {
    const before = openFiles();
    file.readText('/proc/self/comm');
    file.readWholeText('/proc/self/comm');
    expect(codeOf(() => file.readText('/'))).toBe('EISDIR');
    expect(codeOf(() => file.readWholeText('/'))).toBe('EISDIR');
    expect(openedSince(before)).toEqual([]);
  });

  test('piece by piece, up to the end', () => {
    const fd = file.openFile(scratchFile('abcde'), file.O_RDONLY);
    const buffer = new Uint8Array(3);
    const pieces = [1, 2, 3].map(() => new TextDecoder().decode(buffer.subarray(0, file.readInto(fd, buffer))));
    expect(pieces).toEqual(['abc', 'de', '']);
    file.closeFile(fd);
  });
});

describe('opening', () => {
  test('a new file, with its mode, exclusively', () => {
    const path = scratchFile();
    file.closeFile(file.openFile(path, NEW, 0o640));
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(codeOf(() => file.openFile(path, NEW, 0o600))).toBe('EEXIST');
  });

  test('does not hand the file on to other programs', () => {
    const fd = file.openFile(scratchFile(''), file.O_RDONLY);
    const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
    expect(Number.parseInt(flags ?? '0', 8) & 0o2000000).toBe(0o2000000);
    file.closeFile(fd);
  });

  test.each([
    ['what is not there', () => '/nonexistent/file', file.O_RDONLY, 'ENOENT'],
    ['what is below a file', () => `${scratchFile('')}/x`, file.O_RDONLY, 'ENOTDIR'],
    ['a file as a directory', () => scratchFile(''), file.O_RDONLY | file.O_DIRECTORY, 'ENOTDIR'],
    ['a directory for writing', scratchDirectory, file.O_WRONLY, 'EISDIR'],
    ['a name with a NUL, which C would cut short', () => `${scratchFile('')}\0x`, file.O_RDONLY, 'EINVAL'],
  ])('%s is refused', (_, path, flags, code) => {
    expect(codeOf(() => file.openFile(path(), flags))).toBe(code);
  });

  test('leaves what is there, until it is cut', () => {
    const path = scratchFile('old_content');
    const fd = file.openFile(path, file.O_WRONLY);
    expect(file.writeText(fd, 'née')).toBe(4);
    expect(readFileSync(path, 'utf8')).toBe('néecontent');
    file.truncateFile(fd, 4);
    file.closeFile(fd);
    expect(readFileSync(path, 'utf8')).toBe('née');
  });
});

test('all of a text is written', () => {
  const path = scratchFile();
  const text = 'ä€'.repeat(300_000);
  const fd = file.openFile(path, NEW, 0o600);
  for (const part of ['', text, '.']) file.writeText(fd, part);
  expect(file.writeSome(fd, Uint8Array.of(0x21))).toBe(1);
  file.closeFile(fd);
  expect(readFileSync(path, 'utf8')).toBe(`${text}.!`);
});

describe('names', () => {
  test('are given, moved and taken', () => {
    const directory = scratchDirectory();
    const [a, b, c] = ['ä', 'b', 'c'].map((name) => join(directory, name)) as [string, string, string];
    writeFileSync(a, 'content');
    file.linkFile(a, b);
    expect(codeOf(() => file.linkFile(a, b))).toBe('EEXIST');
    file.renameFile(b, c);
    file.unlinkFile(a);
    expect([existsSync(a), existsSync(b), readFileSync(c, 'utf8')]).toEqual([false, false, 'content']);
    expect(codeOf(() => file.unlinkFile(a))).toBe('ENOENT');
    expect(codeOf(() => file.renameFile(a, b))).toBe('ENOENT');
    expect(codeOf(() => file.unlinkFile(directory))).toMatch(/EISDIR|EPERM/);
  });

  test('of directories too', () => {
    const path = join(scratchDirectory(), 'x');
    file.createDirectory(path, 0o700);
    expect([statSync(path).isDirectory(), statSync(path).mode & 0o777]).toEqual([true, 0o700]);
    expect(codeOf(() => file.createDirectory(path, 0o700))).toBe('EEXIST');
    expect(codeOf(() => file.createDirectory(join(path, 'y/z'), 0o700))).toBe('ENOENT');
  });
});

test('a file’s time is set to the millisecond', () => {
  const path = scratchFile('');
  const fd = openSync(path, 'r+');
  for (const timeMs of [0, 1, 999, 1_700_000_000_123, 4_102_444_800_999]) {
    file.setFileTime(fd, timeMs);
    expect([statSync(path).mtimeMs, statSync(path).atimeMs]).toEqual([timeMs, timeMs]);
  }
  closeSync(fd);
});

test('what file system a file is on', () => {
  const [proc, other] = [openSync('/proc/self/comm', 'r'), openSync(scratchFile(''), 'r')];
  expect([proc, other].map((fd) => isOnFileSystem(fd, PROC_SUPER_MAGIC))).toEqual([true, false]);
  for (const fd of [proc, other]) closeSync(fd);
});

describe('what is missing', () => {
  test('is undefined, and so is what is below a file', () => {
    const path = scratchFile('');
    expect(file.unlessMissing(() => file.readText(`${path}.x`))).toBeUndefined();
    expect(file.unlessMissing(() => file.readText(`${path}/x`))).toBeUndefined();
    expect(file.unlessMissing(() => file.readText(path))).toBe('');
  });

  test('and any other trouble is not the same', () => {
    const directory = join(scratchDirectory(), 'x');
    mkdirSync(directory);
    expect(codeOf(() => file.unlessMissing(() => file.readText(directory)))).toBe('EISDIR');
    expect(() => file.unlessMissing(() => expect.unreachable())).toThrow();
  });
});

describe('closing', () => {
  test('what was written says whether it could be kept; what was only read has nothing to say', () => {
    const fd = file.openFile('/proc/self/comm', file.O_RDONLY);
    file.closeFile(fd);
    expect(() => file.closeFile(fd)).not.toThrow();
    expect(codeOf(() => file.closeWritten(fd))).toBe('EBADF');
  });
});
