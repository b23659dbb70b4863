import { describe, expect, test } from 'bun:test';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeAll, writeIfPossible, writeToReader } from '../../../src/cni/stdio.ts';
import { run } from '../../support/process.ts';
import { scratchDirectory } from '../../support/scratch.ts';

/** More than any pipe holds. */
const LARGE = 'ä'.repeat(600_000);

function fifo(): string {
  const path = join(scratchDirectory(), 'pipe');
  run(['mkfifo', path]);
  return path;
}

test('all of it is written', () => {
  const path = join(scratchDirectory(), 'stdout');
  const fd = openSync(path, 'w');
  writeAll(fd, LARGE);
  closeSync(fd);
  expect(readFileSync(path, 'utf8')).toBe(LARGE);
});

test('a pipe that is full and does not block is waited for', async () => {
  const path = fifo();
  const reader = Bun.spawn(['/bin/sh', '-c', 'exec 3<"$1"; echo open; sleep 0.1; wc -c <&3', 'sh', path], {
    stdout: 'pipe',
  });
  const keep = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const output = reader.stdout.getReader();
  await output.read();
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  closeSync(keep);
  writeAll(fd, LARGE);
  closeSync(fd);
  expect(new TextDecoder().decode((await output.read()).value).trim()).toBe('1200000');
  await reader.exited;
});

describe('a pipe whose reader has closed it', () => {
  function closedPipe(): number {
    const path = fifo();
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    closeSync(reader);
    return fd;
  }

  test('is an error where a runtime must get the text', () => {
    const fd = closedPipe();
    expect(() => writeAll(fd, 'x')).toThrow('EPIPE');
    closeSync(fd);
  });

  test('is none where a person reads, or where the text is not worth failing for', () => {
    const fd = closedPipe();
    writeToReader(fd, 'x');
    writeIfPossible(fd, 'x');
    closeSync(fd);
  });
});

test('a full disk is an error, except for what is not worth failing for', () => {
  const fd = openSync('/dev/full', 'w');
  expect(() => writeAll(fd, 'x')).toThrow('ENOSPC');
  expect(() => writeToReader(fd, 'x')).toThrow('ENOSPC');
  writeIfPossible(fd, 'x');
  closeSync(fd);
});
