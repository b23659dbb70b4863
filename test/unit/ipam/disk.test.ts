/** Things that stand where our files belong. What needs root to provoke is in test/kernel/ipam. */

import { describe, expect, test } from 'bun:test';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { findRecord, leaseAddresses, listNetworks, listRecords, releaseAddresses, statusOf } from './api.ts';
import { faultOf, files, host, NETWORK, owner, plan, scratch, texts } from './support.ts';

const SETS = ['10.1.0.0/24'];

describe('a file where a directory belongs', () => {
  test.each(['', `/${NETWORK}`, '/.trestle', `/.trestle/${NETWORK}`])(
    'at <dataDir>%s is said so; once it is gone, all is well',
    (path) => {
      const dataDir = `${scratch()}/data`;
      if (path !== '') mkdirSync(dataDir);
      if (path.startsWith('/.trestle/')) mkdirSync(`${dataDir}/.trestle`);
      writeFileSync(`${dataDir}${path}`, '');
      const fault = faultOf(() => leaseAddresses(plan(dataDir, SETS), owner('c1'), host()));
      expect([fault.kind, fault.message]).toEqual(['io', expect.stringContaining(dataDir)]);
      expect(fault.message).toMatch(/not a directory|something else is in its place/);
      expect(fault.details).toBeString();
      expect(faultOf(() => statusOf(plan(dataDir, SETS), host())).kind).toBe('unavailable');
      expect(releaseAddresses(dataDir, owner('c1'), host())).toEqual([]);
      rmSync(`${dataDir}${path}`);
      expect(texts(leaseAddresses(plan(dataDir, SETS), owner('c1'), host()))).toEqual(['10.1.0.2/24']);
    },
  );
});

describe('a directory where a file belongs', () => {
  test.each(['c1:eth0', '.new'])('at %s is said so, and nothing is left', (name) => {
    const dataDir = scratch();
    leaseAddresses(plan(dataDir, SETS), owner('c0'), host());
    const path = `${dataDir}/.trestle/${NETWORK}/${name}`;
    mkdirSync(path);
    const fault = faultOf(() => leaseAddresses(plan(dataDir, SETS), owner('c1'), host()));
    expect([fault.kind, fault.message]).toEqual(['io', `cannot write ${path}: it is a directory (EISDIR)`]);
    rmSync(path, { recursive: true });
    expect([files.leases(dataDir), files.own(dataDir)]).toEqual([['10.1.0.2'], ['boot', 'c0:eth0']]);
    expect(texts(leaseAddresses(plan(dataDir, SETS), owner('c1'), host()))).toEqual(['10.1.0.3/24']);
  });

  test('at the boot marker is said so', () => {
    const dataDir = scratch();
    mkdirSync(`${dataDir}/.trestle/${NETWORK}/boot`, { recursive: true });
    expect(faultOf(() => leaseAddresses(plan(dataDir, SETS), owner('c1'), host())).message).toContain(
      '/boot: it is a directory',
    );
  });
});

describe('records', () => {
  test('are found, and listed, with the broken ones told of and left out', () => {
    const dataDir = scratch();
    for (const id of ['a', 'b']) leaseAddresses(plan(dataDir, SETS), owner(id), host());
    writeFileSync(`${dataDir}/.trestle/${NETWORK}/x:eth0`, '{');
    const machine = host();
    expect(
      listRecords(dataDir, NETWORK, machine)
        .map(({ containerId }) => containerId)
        .sort(),
    ).toEqual(['a', 'b']);
    expect(machine.lines).toEqual([expect.stringMatching(/^warn: .*x:eth0.* counts as absent$/)]);
    expect(findRecord(dataDir, owner('c'), machine)).toBeUndefined();
  });

  test('of a network without any are none', () => {
    const dataDir = scratch();
    expect(listRecords(dataDir, NETWORK, host())).toEqual([]);
    expect(listNetworks(dataDir)).toEqual([]);
    leaseAddresses(plan(dataDir, SETS, { network: 'other' }), owner('a', { network: 'other' }), host());
    leaseAddresses(plan(dataDir, SETS), owner('a'), host());
    expect(listNetworks(dataDir)).toEqual(['other', NETWORK]);
    expect(listRecords(dataDir, 'other', host())).toHaveLength(1);
  });
});

test.each(['', '.', '..', '../x', 'a/b', '.hidden', 'a:b', 'a\0b'])(
  'the network name %j does not become a path',
  (network) => {
    const dataDir = scratch();
    const fault = faultOf(() => leaseAddresses(plan(dataDir, SETS, { network }), owner('c1', { network }), host()));
    expect([fault.kind, fault.message]).toEqual(['config', expect.stringContaining('cannot be part of a file name')]);
  },
);

test.each(['10.1.0.1', '10.1.0.123', 'x'.repeat(300)])('a cursor that said %s says what was leased last', (old) => {
  const dataDir = scratch();
  const cursor = `${dataDir}/${NETWORK}/last_reserved_ip.0`;
  leaseAddresses(plan(dataDir, SETS), owner('c0'), host());
  writeFileSync(cursor, old);
  const [address] = texts(leaseAddresses(plan(dataDir, SETS), owner('c1'), host()));
  expect(readFileSync(cursor, 'utf8')).toBe((address as string).replace('/24', ''));
});
