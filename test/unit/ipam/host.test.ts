/** The machine as it is: its probes look at real files and processes. */

import { describe, expect, test } from 'bun:test';
import { rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { mayBeInPlace } from '../../../src/ipam/life.ts';
import { statPath } from '../../../src/sys/directory.ts';
import { type AttachmentRecord, createRecord, leaseAddresses, type Netns, readHost, statusOf } from './api.ts';
import { files, host, owner, plan, scratch } from './support.ts';

const judge = (netns?: Netns) => {
  const machine = readHost(() => undefined);
  const attachment = { network: 'pods', containerId: 'c1', ifName: 'eth0', netns };
  return machine.judge(createRecord(attachment, [], machine.bootId, Date.now()));
};
const isInPlace = (netns?: Netns) => mayBeInPlace(netns, { fileAt: statPath });
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

describe('a machine whose boot ID has changed though it did not boot', () => {
  /** What host-local's users lose their leases by: a container with a boot ID of its own, CRIU. */
  const changed = () => readHost(() => undefined);
  const recorded = (changes: Partial<AttachmentRecord>): AttachmentRecord => ({
    ...owner('a'),
    version: 1,
    addresses: [],
    bootId: 'another',
    createdAt: new Date().toISOString(),
    ...changes,
  });

  test('finds alive what has its netns in place, and dead what has not', () => {
    const netns = netnsFile();
    expect(changed().judge(recorded({ netns })).state).toBe('alive');
    expect(changed().judge(recorded({ netns, createdAt: '2001-01-01T00:00:00Z' })).state).toBe('alive');
    rmSync(netns.path);
    expect(changed().judge(recorded({ netns })).state).toBe('dead');
    expect(changed().judge(recorded({})).state).toBe('unknown');
    expect(changed().judge(recorded({ createdAt: '2001-01-01T00:00:00Z' })).state).toBe('dead');
  });

  test('keeps its leases at STATUS and at ADD', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/30']);
    leaseAddresses(network, owner('a', { netns: netnsFile() }), host({ bootId: 'another' }));
    expect(() => statusOf(network, changed())).toThrow('is exhausted');
    expect(() => leaseAddresses(network, owner('b'), changed())).toThrow('is exhausted');
    expect([files.leases(dataDir), files.own(dataDir)]).toEqual([['10.1.0.2'], ['a:eth0', 'boot']]);
  });
});

test('the record of an ADD has the start of its process, if it names one', () => {
  const machine = readHost(() => undefined);
  const dataDir = scratch();
  leaseAddresses(plan(dataDir, ['10.1.0.0/24']), owner('a', { process: process.pid }), machine);
  const record = JSON.parse(files.record(dataDir, 'a:eth0'));
  expect(record.processStart).toBe(machine.startOf?.(process.pid));
  expect(record.processStart).toBeGreaterThan(0);
});
