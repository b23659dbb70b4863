/** flock(2), against another open file and against other processes. */

import { afterEach, expect, test } from 'bun:test';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { statFile } from '../../../src/sys/directory.ts';
import { lockHolder, tryFlock } from '../../../src/sys/flock.ts';
import { SystemError } from '../../../src/sys/libc.ts';
import { describeOnKernel } from '../../support/privilege.ts';
import { tool } from '../../support/process.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const opened: number[] = [];
afterEach(() => {
  for (const fd of opened.splice(0)) closeSync(fd);
});

function open(path: string): number {
  const fd = openSync(path, 'a');
  opened.push(fd);
  return fd;
}

const lockFile = () => join(scratchDirectory(), 'lock');

/** util-linux's flock, which holds the lock until it is killed or its stdin ends. */
async function holder(path: string): Promise<Bun.Subprocess<'pipe', 'pipe', 'inherit'>> {
  const child = Bun.spawn([tool('flock'), '--no-fork', path, '/bin/sh', '-c', 'echo held; read -r line'], {
    stdin: 'pipe',
    stdout: 'pipe',
  });
  await child.stdout.getReader().read();
  return child;
}

describeOnKernel('a lock', () => {
  test('has one holder at a time, also within a process', () => {
    const path = lockFile();
    const [a, b] = [open(path), open(path)];
    expect([tryFlock(a), tryFlock(b), tryFlock(a)]).toEqual([true, false, true]);
  });

  test('goes with its file descriptor', () => {
    const path = lockFile();
    const first = openSync(path, 'a');
    expect(tryFlock(first)).toBe(true);
    closeSync(first);
    expect(tryFlock(open(path))).toBe(true);
  });

  test('of another file is another lock', () => {
    expect([tryFlock(open(lockFile())), tryFlock(open(lockFile()))]).toEqual([true, true]);
  });

  test('is that of flock(1) too, whose holder can be told, and goes when that is killed', async () => {
    const path = lockFile();
    const other = await holder(path);
    const fd = open(path);
    expect(tryFlock(fd)).toBe(false);
    expect(lockHolder(statFile(fd))).toEqual({ pid: other.pid, command: 'sh' });
    other.kill('SIGKILL');
    await other.exited;
    expect(tryFlock(fd)).toBe(true);
    expect(lockHolder(statFile(fd))?.pid).toBe(process.pid);
    closeSync(opened.pop() ?? fd);
    expect(lockHolder(statFile(open(path)))).toBeUndefined();
  });

  test('on a file that is not open is refused', () => {
    expect(() => tryFlock(999_999)).toThrow(SystemError);
  });
});
