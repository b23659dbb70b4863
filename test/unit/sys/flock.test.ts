import { expect, test } from 'bun:test';
import { parseLockHolder } from '../../../src/sys/flock.ts';

// /proc/locks of Linux 6.18: a FLOCK that is held, one that waits for it, a POSIX lock on the same inode.
const LOCKS = `1: FLOCK  ADVISORY  WRITE 1234 fe:00:98765 0 EOF
1: -> FLOCK  ADVISORY  WRITE 1300 fe:00:98765 0 EOF
2: POSIX  ADVISORY  WRITE 77 fe:00:98765 0 EOF
3: FLOCK  ADVISORY  WRITE 555 00:2a:42 0 EOF
4: FLOCK  ADVISORY  WRITE 666 00:2b:42 0 EOF
`;

test('the holder is the one that has it, by device and inode', () => {
  expect(parseLockHolder(LOCKS, { device: 0xfe00, inode: 98765 })).toBe(1234);
  expect(parseLockHolder(LOCKS, { device: 0x2a, inode: 42 })).toBe(555);
  expect(parseLockHolder(LOCKS, { device: 0x2b, inode: 42 })).toBe(666);
  expect(parseLockHolder(LOCKS, { device: 0xfe00, inode: 1 })).toBeUndefined();
});

test('a large minor number is taken apart as glibc does', () => {
  const line = '1: FLOCK  ADVISORY  WRITE 9 103:12345:7 0 EOF\n2: FLOCK  ADVISORY  WRITE 8 00:01:7 0 EOF\n';
  expect(parseLockHolder(line, { device: 0x12310345, inode: 7 })).toBe(9);
});

test('where the devices differ, as on btrfs, a lone inode will do', () => {
  expect(parseLockHolder(LOCKS, { device: 0x99, inode: 98765 })).toBe(1234);
  expect(parseLockHolder(LOCKS, { device: 0x99, inode: 42 })).toBeUndefined();
});
