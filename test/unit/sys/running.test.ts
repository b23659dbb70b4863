import { expect, test } from 'bun:test';
import { copyFileSync } from 'node:fs';
import { isRunning, startOf } from '../../../src/sys/process.ts';
import { scratchDirectory } from '../../support/scratch.ts';

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
