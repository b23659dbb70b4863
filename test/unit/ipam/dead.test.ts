import { expect, test } from 'bun:test';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { createDeathCheck } from '../../../src/ipam/dead.ts';
import { netnsInodesInUse } from '../../../src/sys/netnsInUse.ts';
import { createRecord, type Netns } from './api.ts';
import { owner, scratch } from './support.ts';

const record = (netns?: Netns, bootId = 'boot-1') => createRecord(owner('c1', { netns }), [], bootId, Date.now());
const isDead = (netns?: Netns, bootId?: string) => createDeathCheck('boot-1')(record(netns, bootId));

/** A file in place of a bind-mounted netns: to stat(2) there is no difference. */
function netnsFile(): Netns {
  const path = `${scratch()}/netns`;
  writeFileSync(path, '');
  const { dev, ino } = statSync(path);
  return { path, device: dev, inode: ino };
}

test('an attachment whose netns is in place lives', () => {
  expect(isDead(netnsFile())).toBe(false);
});

test('one whose netns is gone, or another in its place, is dead', () => {
  const netns = netnsFile();
  expect(isDead({ ...netns, inode: netns.inode + 1 })).toBe(true);
  expect(isDead({ ...netns, device: netns.device + 1 })).toBe(true);
  rmSync(netns.path);
  expect(isDead(netns)).toBe(true);
  expect(isDead({ ...netns, path: `${netns.path}/below` })).toBe(true);
});

test('one whose netns has lost its path but still has a process in it lives', () => {
  const { dev, ino } = statSync('/proc/self/ns/net');
  expect(netnsInodesInUse().has(ino)).toBe(true);
  expect(isDead({ path: '/run/netns/no-such-name', device: dev, inode: ino })).toBe(false);
});

test('one whose netns is not known, or cannot be looked at, lives', () => {
  expect(isDead()).toBe(false);
  expect(isDead({ path: `/${'x'.repeat(300)}`, device: 1, inode: 1 })).toBe(false);
});

test('one of an earlier boot is dead, whatever stands at its path', () => {
  expect(isDead(netnsFile(), 'boot-0')).toBe(true);
  expect(isDead(undefined, 'boot-0')).toBe(true);
});
