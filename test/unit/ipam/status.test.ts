import { describe, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { leaseAddresses, statusOf } from './api.ts';
import { faultOf, files, host, NETWORK, owner, plan, scratch } from './support.ts';

describe('STATUS', () => {
  test('counts what is free of each range set', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/29 10.2.0.0/30', 'fd00::/64'], { section: { exclude: ['10.1.0.6/32'] } });
    leaseAddresses(network, owner('a'), host());
    files.foreign(dataDir, '10.2.0.2', 'x\r\neth0');
    files.foreign(dataDir, '10.1.0.6', 'excluded by now\r\neth0');
    files.foreign(dataDir, '10.9.0.9', 'of another range\r\neth0');
    expect(statusOf(network, host())).toEqual([
      { rangeSet: 0, free: 3n, total: 5n },
      { rangeSet: 1, free: 2n ** 64n - 3n, total: 2n ** 64n - 2n },
    ]);
  });

  test('of a network that was never used is good, and leaves no lease', () => {
    const dataDir = `${scratch()}/new`;
    expect(statusOf(plan(dataDir, ['10.1.0.0/24']), host())).toEqual([{ rangeSet: 0, free: 253n, total: 253n }]);
    expect([files.leases(dataDir), files.own(dataDir)]).toEqual([[], ['boot']]);
  });

  test('says where a range set has none left, and who holds them', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['fd00::/64', '10.1.0.0/30']);
    leaseAddresses(network, owner('a'), host());
    const { kind, message, details } = faultOf(() => statusOf(network, host()));
    expect(kind).toBe('exhausted');
    expect(message).toContain('range set 1 (10.1.0.1-10.1.0.2) is exhausted, 1 of 1 addresses are leased');
    expect(details).toContain('10.1.0.2 container a');
  });

  test('reclaims the dead before it says so', () => {
    const dataDir = scratch();
    const network = plan(dataDir, ['10.1.0.0/30']);
    leaseAddresses(network, owner('a'), host());
    expect(statusOf(network, host({ isDead: () => true }))).toEqual([{ rangeSet: 0, free: 1n, total: 1n }]);
  });

  test('is unavailable where the data directory cannot be written', () => {
    const dataDir = scratch();
    writeFileSync(`${dataDir}/.trestle`, '');
    const { kind, message, details } = faultOf(() => statusOf(plan(dataDir, ['10.1.0.0/30']), host()));
    expect([kind, message]).toEqual(['unavailable', expect.stringContaining(`${dataDir}/.trestle/${NETWORK}`)]);
    expect(details).toBeString();
    const other = scratch();
    statusOf(plan(other, ['10.1.0.0/30']), host());
    mkdirSync(`${other}/.trestle/${NETWORK}/.new`);
    expect(faultOf(() => statusOf(plan(other, ['10.1.0.0/30']), host())).message).toMatch(
      /^cannot write .*\.new: it is a directory/,
    );
  });
});
