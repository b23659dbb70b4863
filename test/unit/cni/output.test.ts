import { expect, test } from 'bun:test';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeAll } from '../../../src/cni/output.ts';
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

test('a pipe that nobody reads any more is no error', () => {
  const path = fifo();
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  closeSync(reader);
  expect(() => writeAll(fd, 'x')).not.toThrow();
  closeSync(fd);
});

test('any other error is one', () => {
  const fd = openSync('/dev/full', 'w');
  expect(() => writeAll(fd, 'x')).toThrow('ENOSPC');
  closeSync(fd);
});
