import { expect, test } from 'bun:test';
import { isRunning } from '../../../src/sys/running.ts';

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
