import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { leaseAddresses, releaseAddresses } from './api.ts';
import { files, host, ip, NETWORK, owner, plan, scratch, texts } from './support.ts';

const SETS = ['10.1.0.0/24', 'fd00::/64'];

describe('DEL', () => {
  test('gives every address back, and the record; a second time it finds nothing', () => {
    const dataDir = scratch();
    leaseAddresses(plan(dataDir, SETS), owner('c1'), host());
    leaseAddresses(plan(dataDir, SETS), owner('c2'), host());
    expect(releaseAddresses(dataDir, owner('c1'), host())).toEqual([ip('10.1.0.2'), ip('fd00::2')]);
    expect([files.leases(dataDir), files.own(dataDir)]).toEqual([
      ['10.1.0.3', 'fd00::3'],
      ['boot', 'c2:eth0'],
    ]);
    expect(releaseAddresses(dataDir, owner('c1'), host())).toEqual([]);
    expect(files.leases(dataDir)).toEqual(['10.1.0.3', 'fd00::3']);
  });

  test('of one interface leaves the other', () => {
    const dataDir = scratch();
    leaseAddresses(plan(dataDir, SETS), owner('c1'), host());
    leaseAddresses(plan(dataDir, SETS), owner('c1', { ifName: 'eth1' }), host());
    releaseAddresses(dataDir, owner('c1', { ifName: 'eth1' }), host());
    expect(files.leases(dataDir)).toEqual(['10.1.0.2', 'fd00::2']);
  });

  test('without a data directory does nothing, and makes none', () => {
    const dataDir = `${scratch()}/none`;
    expect(releaseAddresses(dataDir, owner('c1'), host())).toEqual([]);
    expect(existsSync(dataDir)).toBe(false);
  });

  test('for one that was never added changes nothing', () => {
    const dataDir = scratch();
    files.foreign(dataDir, '10.1.0.2', 'other\r\neth0');
    expect(releaseAddresses(dataDir, owner('c1'), host())).toEqual([]);
    expect(readdirSync(dataDir)).toEqual([NETWORK]);
    expect(files.leases(dataDir)).toEqual(['10.1.0.2']);
  });

  test('leaves a lease that is somebody else’s by now', () => {
    const dataDir = scratch();
    leaseAddresses(plan(dataDir, SETS), owner('c1'), host());
    rmSync(`${dataDir}/${NETWORK}/10.1.0.2`);
    files.foreign(dataDir, '10.1.0.2', 'other\r\neth0');
    expect(releaseAddresses(dataDir, owner('c1'), host())).toEqual([ip('fd00::2')]);
    expect([files.leases(dataDir), files.own(dataDir)]).toEqual([['10.1.0.2'], ['boot']]);
  });
});

describe('DEL of what host-local added', () => {
  test('finds its leases by their content', () => {
    const dataDir = scratch();
    files.foreign(dataDir, '10.1.0.7', 'c1\r\neth0');
    files.foreign(dataDir, 'fd00::7', 'c1\r\neth0\n');
    files.foreign(dataDir, '10.1.0.8', 'c1\r\neth1');
    files.foreign(dataDir, '10.1.0.9', 'c10\r\neth0');
    const released = releaseAddresses(dataDir, owner('c1'), host());
    expect(released).toHaveLength(2);
    expect(files.leases(dataDir)).toEqual(['10.1.0.8', '10.1.0.9']);
    expect(existsSync(`${dataDir}/.trestle`)).toBe(false);
  });

  test('takes a lease without interface only where none has it', () => {
    const dataDir = scratch();
    files.foreign(dataDir, '10.1.0.7', 'c1');
    files.foreign(dataDir, '10.1.0.8', 'c1\r\neth0');
    releaseAddresses(dataDir, owner('c1'), host());
    expect(files.leases(dataDir)).toEqual(['10.1.0.7']);
    releaseAddresses(dataDir, owner('c1'), host());
    expect(files.leases(dataDir)).toEqual([]);
  });

  test('is not stopped by a directory or broken files among the leases', () => {
    const dataDir = scratch();
    mkdirSync(`${dataDir}/${NETWORK}/10.1.0.2`, { recursive: true });
    files.foreign(dataDir, '10.1.0.3', '');
    files.foreign(dataDir, '10.1.0.4', '\0\0');
    files.foreign(dataDir, '10.1.0.5', 'c1\r\neth0');
    expect(releaseAddresses(dataDir, owner('c1'), host())).toEqual([ip('10.1.0.5')]);
    expect(files.leases(dataDir)).toEqual(['10.1.0.2', '10.1.0.3', '10.1.0.4']);
  });
});

describe('after a kill at any instant of an ADD or a DEL, DEL leaves nothing', () => {
  /** Every subset of what an ADD or a DEL has on disk at some instant: record, one lease, the other. */
  const instants: [string, boolean, boolean, boolean][] = [
    ['the record is written', true, false, false],
    ['one lease is made', true, true, false],
    ['all is made, or nothing released yet', true, true, true],
    ['one lease is released', true, false, true],
    ['the record is lost altogether', false, true, true],
  ];
  test.each(instants)('%s', (_, record, first, second) => {
    const dataDir = scratch();
    leaseAddresses(plan(dataDir, SETS), owner('c1'), host());
    leaseAddresses(plan(dataDir, SETS), owner('c2'), host());
    if (!record) rmSync(`${dataDir}/.trestle/${NETWORK}/c1:eth0`);
    if (!first) rmSync(`${dataDir}/${NETWORK}/10.1.0.2`);
    if (!second) rmSync(`${dataDir}/${NETWORK}/fd00::2`);
    writeFileSync(`${dataDir}/.trestle/${NETWORK}/.new`, 'c1\r\neth0');
    releaseAddresses(dataDir, owner('c1'), host());
    expect(files.leases(dataDir)).toEqual(['10.1.0.3', 'fd00::3']);
    expect(files.own(dataDir)).toEqual(['boot', 'c2:eth0']);
    expect(texts(leaseAddresses(plan(dataDir, SETS), owner('c1'), host()))).toEqual(['10.1.0.4/24', 'fd00::4/64']);
  });

  test('nothing is made yet but the file that was to become the record', () => {
    const dataDir = scratch();
    leaseAddresses(plan(dataDir, SETS), owner('c2'), host());
    writeFileSync(`${dataDir}/.trestle/${NETWORK}/.new`, '{"version":1');
    expect(releaseAddresses(dataDir, owner('c1'), host())).toEqual([]);
    expect(files.own(dataDir)).toEqual(['boot', 'c2:eth0']);
  });

  test.each(['', '{"version":1', '\0\0\0', '[]'])('the record is broken: %j', (text) => {
    const dataDir = scratch();
    leaseAddresses(plan(dataDir, SETS), owner('c1'), host());
    writeFileSync(`${dataDir}/.trestle/${NETWORK}/c1:eth0`, text);
    const machine = host();
    expect(releaseAddresses(dataDir, owner('c1'), machine)).toHaveLength(2);
    expect([files.leases(dataDir), files.own(dataDir)]).toEqual([[], ['boot']]);
    expect(machine.lines).toHaveLength(1);
  });
});

test('leases of very different attachments do not get mixed up', () => {
  const dataDir = scratch();
  const ids = ['a', 'a.b', 'a-b', 'a_b', 'A', 'aa'];
  for (const id of ids) leaseAddresses(plan(dataDir, ['10.1.0.0/24']), owner(id), host());
  releaseAddresses(dataDir, owner('a'), host());
  expect(files.leases(dataDir).map((name) => files.text(dataDir, name))).toEqual(
    ids.slice(1).map((id) => `${id}\r\neth0`),
  );
});
