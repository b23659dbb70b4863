import { describe, expect, test } from 'bun:test';
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { type Host, leaseAddresses, listRecords, releaseAddresses, releaseGarbage, statusOf } from './api.ts';
import { files, host, NETWORK, owner, plan, scratch, texts } from './support.ts';

const DAY = 86_400_000;

/** The same machine one boot later; nothing on it is dead but by the boot. */
const rebooted = (changes: Partial<Host> = {}) =>
  host({ bootId: 'boot-2', bootedAtMs: () => Date.now() - 60_000, ...changes });

function agedLease(dataDir: string, address: string, text: string, ageMs: number): void {
  const at = new Date(Date.now() - ageMs);
  utimesSync(files.foreign(dataDir, address, text), at, at);
}

describe('the first call after a boot', () => {
  test('voids the leases of the boot before, with and without a record', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/29']);
    for (const id of ['a', 'b', 'c']) leaseAddresses(network, owner(id), host({ nowMs: () => Date.now() - DAY }));
    agedLease(dataDir, '10.1.0.5', 'hl\r\neth0', DAY);
    agedLease(dataDir, '10.1.0.6', 'unreadable!', DAY);
    const machine = rebooted();
    expect(texts(leaseAddresses(network, owner('d'), machine))).toEqual(['10.1.0.5/29']);
    expect(files.leases(dataDir)).toEqual(['10.1.0.5']);
    expect(files.own(dataDir)).toEqual(['boot', 'd:eth0']);
    expect(machine.lines.join()).toContain('3 attachments and 2 leases without a record');
  });

  test('removes first what they have on the node, and keeps the leases of what lives all the same', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/29']);
    for (const id of ['a', 'b', 'c']) leaseAddresses(network, owner(id), host({ nowMs: () => Date.now() - DAY }));
    const seen: [string, number][] = [];
    const machine = rebooted({
      judge: ({ containerId }) => ({ state: containerId === 'b' ? 'alive' : 'dead', evidence: '' }),
      detach: ({ containerId }) => {
        seen.push([containerId, files.leases(dataDir).length]);
        if (containerId === 'c') throw new Error('not now');
      },
    });
    leaseAddresses(network, owner('d'), machine);
    expect(seen.map(([id]) => id).sort()).toEqual(['a', 'c']);
    expect(seen[0]?.[1]).toBe(3);
    expect(files.leases(dataDir)).toEqual(['10.1.0.3', '10.1.0.4', '10.1.0.5']);
    expect(machine.lines.join()).toContain('cannot remove what container c interface eth0 has on the node: not now');
    leaseAddresses(network, owner('e'), rebooted());
    expect(files.own(dataDir)).toEqual(['boot', 'd:eth0', 'e:eth0']);
  });

  test.each<[string, (dataDir: string) => unknown]>([
    ['GC', (dataDir) => releaseGarbage(dataDir, NETWORK, [], rebooted())],
    ['STATUS', (dataDir) => statusOf(plan(dataDir, ['10.1.0.0/29']), rebooted())],
    ['DEL of another attachment', (dataDir) => releaseAddresses(dataDir, owner('a'), rebooted())],
  ])('may be %s', (_, call) => {
    const dataDir = scratch();
    for (const id of ['a', 'b'])
      leaseAddresses(plan(dataDir, ['10.1.0.0/29']), owner(id), host({ nowMs: () => Date.now() - DAY }));
    call(dataDir);
    expect([files.leases(dataDir), files.own(dataDir)]).toEqual([[], ['boot']]);
  });

  test('leaves what was made in this boot, by either program', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/29']);
    agedLease(dataDir, '10.1.0.5', 'hl\r\neth0', 30_000);
    leaseAddresses(network, owner('a'), rebooted());
    writeFileSync(`${dataDir}/.trestle/${NETWORK}/boot`, 'boot-1');
    leaseAddresses(network, owner('b'), rebooted());
    expect(files.leases(dataDir)).toEqual(['10.1.0.2', '10.1.0.3', '10.1.0.5']);
  });

  test('leaves a lease that host-local gave to the same attachment since', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/29']);
    leaseAddresses(network, owner('a'), host({ nowMs: () => Date.now() - DAY }));
    rmSync(`${dataDir}/${NETWORK}/10.1.0.2`);
    agedLease(dataDir, '10.1.0.2', 'a\r\neth0', 30_000);
    leaseAddresses(network, owner('b'), rebooted());
    expect(files.leases(dataDir)).toEqual(['10.1.0.2', '10.1.0.3']);
    expect(listRecords(dataDir, NETWORK, host()).map(({ containerId }) => containerId)).toEqual(['b']);
  });

  test('leaves everything that the clock cannot tell from this boot', () => {
    const dataDir = scratch();
    agedLease(dataDir, '10.1.0.2', 'hl\r\neth0', 30 * DAY);
    leaseAddresses(plan(dataDir, ['10.1.0.0/29']), owner('a'), rebooted({ bootedAtMs: () => 5_000 }));
    expect(files.leases(dataDir)).toEqual(['10.1.0.2', '10.1.0.3']);
  });

  test('clears away broken records and empty files, and steps around directories', () => {
    const dataDir = scratch();
    leaseAddresses(plan(dataDir, ['10.1.0.0/29']), owner('a'), host());
    writeFileSync(`${dataDir}/.trestle/${NETWORK}/x:eth0`, '{');
    mkdirSync(`${dataDir}/.trestle/${NETWORK}/y:eth0`);
    mkdirSync(`${dataDir}/${NETWORK}/10.1.0.4`);
    files.foreign(dataDir, '10.1.0.5', '');
    leaseAddresses(plan(dataDir, ['10.1.0.0/29']), owner('b'), rebooted());
    expect(files.leases(dataDir)).toEqual(['10.1.0.3', '10.1.0.4']);
    expect(files.own(dataDir)).toEqual(['b:eth0', 'boot', 'y:eth0']);
  });
});

describe('later calls', () => {
  test('do not look again', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/29']);
    leaseAddresses(network, owner('a'), rebooted());
    agedLease(dataDir, '10.1.0.5', 'hl\r\neth0', DAY);
    leaseAddresses(network, owner('b'), rebooted());
    expect(files.leases(dataDir)).toContain('10.1.0.5');
  });

  test('find it again when the range is exhausted', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/30']);
    statusOf(network, rebooted());
    agedLease(dataDir, '10.1.0.2', 'hl\r\neth0', DAY);
    expect(texts(leaseAddresses(network, owner('b'), rebooted()))).toEqual(['10.1.0.2/30']);
  });
});
