import { describe, expect, test } from 'bun:test';
import { monotonicMs, sleepMs } from '../../../src/sys/clock.ts';
import { AT_FDCWD } from '../../../src/sys/file.ts';
import { libc, SystemError } from '../../../src/sys/libc.ts';
import { thrownBy } from '../../support/fault.ts';

describe('a call that fails', () => {
  test('throws with the errno, by number, name and meaning', () => {
    const error = thrownBy(() => libc('close', 999_999));
    expect(error).toBeInstanceOf(SystemError);
    expect(error).toMatchObject({
      name: 'SystemError',
      errno: 9,
      code: 'EBADF',
      message: 'close: bad file descriptor (EBADF)',
    });
  });

  test.each([
    ['socket', [-1, 0, 0], 97],
    ['setns', [0, -1], 22],
    ['recv', [999_999, new Uint8Array(1), 1, 0], 9],
    ['unlink', [new TextEncoder().encode('/nonexistent\0')], 2],
    ['chmod', [new TextEncoder().encode('/nonexistent\0'), 0o400], 2],
  ] as const)('%s(2), whatever it returns', (name, args, errno) => {
    expect(thrownBy(() => libc(name, ...args))).toMatchObject({ errno });
  });
});

test('a call that succeeds returns what it returns', () => {
  const fd = libc('openat', AT_FDCWD, new TextEncoder().encode('/dev/zero\0'), 0, 0);
  expect(fd).toBeGreaterThan(2);
  const bytes = new Uint8Array(8).fill(1);
  expect(libc('read', fd, bytes.subarray(2, 6), 4)).toBe(4);
  expect([...bytes]).toEqual([1, 1, 0, 0, 0, 0, 1, 1]);
  expect(libc('close', fd)).toBe(0);
});

test('sleeping takes the time it is given', () => {
  const before = monotonicMs();
  sleepMs(20);
  expect(monotonicMs() - before).toBeWithin(19, 500);
});
