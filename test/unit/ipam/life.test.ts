import { expect, test } from 'bun:test';
import { rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createNetnsJudge, isInPlace, type Life } from '../../../src/ipam/life.ts';
import { type Netns, readHost } from './api.ts';
import { scratch } from './support.ts';

const judge = (netns?: Netns): Life => createNetnsJudge()(netns);
const stateOf = (netns?: Netns) => judge(netns).state;

/** A file in place of a bind-mounted netns: to stat(2) there is no difference. */
function netnsFile(): Netns {
  const path = `${scratch()}/netns`;
  writeFileSync(path, '');
  const { dev, ino } = statSync(path);
  return { path, device: dev, inode: ino };
}

test('an attachment whose netns is in place is alive', () => {
  const netns = netnsFile();
  expect([stateOf(netns), isInPlace(netns)]).toEqual(['alive', true]);
});

test('one whose netns is gone, or another in its place, is dead', () => {
  const netns = netnsFile();
  const replaced = { ...netns, inode: netns.inode + 1 };
  expect([stateOf(replaced), isInPlace(replaced)]).toEqual(['dead', false]);
  rmSync(netns.path);
  expect([stateOf(netns), isInPlace(netns)]).toEqual(['dead', false]);
  expect(judge(netns).evidence).toBe(`its network namespace is no longer at ${netns.path}, and no process lives in it`);
});

test('a part of the path that is no directory any more means that it is gone', () => {
  const netns = netnsFile();
  expect(stateOf({ ...netns, path: `${netns.path}/below` })).toBe('dead');
});

test('one whose netns has lost its path but still has a process in it is alive', () => {
  const { dev, ino } = statSync('/proc/self/ns/net');
  expect(stateOf({ path: '/run/netns/no-such-name', device: dev, inode: ino })).toBe('alive');
});

test('one whose netns is not recorded is neither', () => {
  expect(judge()).toEqual({ state: 'unknown', evidence: 'no record tells of its network namespace' });
  expect(isInPlace(undefined)).toBe(true);
});

test.each<[string, (directory: string) => string, string]>([
  ['ENAMETOOLONG', () => `/${'x'.repeat(300)}`, 'name too long'],
  [
    'ELOOP',
    (directory) => {
      symlinkSync('loop', `${directory}/loop`);
      return `${directory}/loop/x`;
    },
    'too many levels of links',
  ],
])('one whose path cannot be looked at is neither: %s', (code, make, reason) => {
  const netns = { path: make(scratch()), device: 1, inode: 1 };
  expect(judge(netns)).toEqual({
    state: 'unknown',
    evidence: expect.stringContaining(`may not be looked at: statx: ${reason} (${code})`),
  });
  expect(isInPlace(netns)).toBe(true);
});

test('one at whose path a file of another device is seen, where its mount may be out of sight, is neither', () => {
  const netns = netnsFile();
  expect(judge({ ...netns, device: netns.device + 1 })).toEqual({
    state: 'unknown',
    evidence: `${netns.path} is there, but no network namespace is seen at it`,
  });
});

test('a record of an earlier boot is dead, whatever stands at its path', () => {
  const machine = readHost(() => undefined);
  const record = { version: 1, network: 'pods', containerId: 'a', ifName: 'eth0', addresses: [], createdAt: '' };
  expect(machine.judge({ ...record, bootId: 'another', netns: netnsFile() }).state).toBe('dead');
  expect(machine.judge({ ...record, bootId: 'another' }).state).toBe('dead');
  expect(machine.judge({ ...record, bootId: machine.bootId, netns: netnsFile() }).state).toBe('alive');
});
