import { expect, test } from 'bun:test';
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, isRunning, type ProgramCall, runProgram, startOf } from '../../../src/sys/process.ts';
import { scratchDirectory } from '../../support/scratch.ts';

function script(text: string, changes: Partial<ProgramCall> = {}) {
  const args = ['-c', text, 'sh', ...(changes.args ?? [])];
  const call = {
    file: '/bin/sh',
    env: { PATH: '/usr/bin:/bin' },
    input: '',
    deadlineMs: 10_000,
  } as const;
  return runProgram({ ...call, ...changes, args });
}

test('what it is given arrives, and nothing else does', () => {
  const ran = script('cat; echo "$1|$A|$HOME"; echo no >&2', {
    args: ['-x'],
    input: 'in\n',
    env: { PATH: '/bin', A: 'b' },
  });
  expect(ran).toEqual({
    succeeded: true,
    started: true,
    timedOut: false,
    status: 0,
    stdout: 'in\n-x|b|\n',
    stderr: 'no\n',
  });
});

test.each([
  ['exit 3', 3],
  ['kill -SEGV $$', 'SIGSEGV'],
])('how it ends is told: %s', (text, status) => {
  expect(script(text)).toMatchObject({ succeeded: false, started: true, timedOut: false, status });
});

test('what does not end in time is killed', () => {
  const started = performance.now();
  expect(script('sleep 60', { deadlineMs: 200 })).toMatchObject({ succeeded: false, timedOut: true });
  expect(performance.now() - started).toBeLessThan(5000);
});

test('what says more than anybody wants to know is killed', () => {
  const ran = script('exec yes', { deadlineMs: 30_000 });
  expect(ran).toMatchObject({ succeeded: false, timedOut: false, status: 'saying more than 4194304 bytes' });
});

test('what does not start is no success', () => {
  expect(script('', { file: '/nonexistent/program' })).toMatchObject({
    succeeded: false,
    started: false,
    status: 'ENOENT',
  });
});

test('the first directory that has the file is taken; other things of that name are not', () => {
  const [empty, first, second] = [scratchDirectory(), scratchDirectory(), scratchDirectory()];
  for (const directory of [first, second]) {
    writeFileSync(join(directory, 'tool'), '');
    chmodSync(join(directory, 'tool'), 0o755);
  }
  expect(findProgram('tool', [empty, first, second])).toBe(join(first, 'tool'));
  expect(findProgram('null', ['/dev'])).toBeUndefined();
  expect(findProgram('tool', [])).toBeUndefined();
});

test('a process runs until it has ended', async () => {
  const child = Bun.spawn(['sleep', '60']);
  expect(isRunning(child.pid)).toBe(true);
  child.kill();
  await child.exited;
  expect(isRunning(child.pid)).toBe(false);
});

test('one that may not be signalled is there', () => {
  expect([isRunning(process.pid), isRunning(1)]).toEqual([true, true]);
});

test('a process that has the ID of an earlier one is not that one', async () => {
  const child = Bun.spawn(['sleep', '60']);
  const start = startOf(child.pid) as number;
  expect(start).toBeGreaterThan(startOf(1) as number);
  expect([isRunning(child.pid, start), isRunning(child.pid, start - 1)]).toEqual([true, false]);
  child.kill();
  await child.exited;
  expect([isRunning(child.pid, start), startOf(child.pid)]).toEqual([false, undefined]);
});

test('the start of a process is found whatever its name is', async () => {
  const path = `${scratchDirectory()}/a) R 1 (b`;
  copyFileSync('/bin/sleep', path);
  const [first, second] = [Bun.spawn(['sleep', '60']), Bun.spawn([path, '60'])];
  expect((startOf(second.pid) as number) - (startOf(first.pid) as number)).toBeWithin(0, 500);
  for (const child of [first, second]) child.kill();
});
