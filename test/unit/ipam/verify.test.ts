import { describe, expect, test } from 'bun:test';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { leaseAddresses, recordAttachment, verifyLeases } from './api.ts';
import { faultOf, files, host, ip, NETWORK, owner, plan, scratch } from './support.ts';

const BOTH = [ip('10.1.0.2'), ip('fd00::2')];

function attached(): string {
  const dataDir = scratch();
  leaseAddresses(plan(dataDir, ['10.1.0.0/24', 'fd00::/64']), owner('c1'), host());
  return dataDir;
}

function complaint(dataDir: string, expected = BOTH, id = 'c1'): string {
  const fault = faultOf(() => verifyLeases(dataDir, owner(id), expected, host()));
  expect(fault.kind).toBe('check');
  expect(fault.details).toBeString();
  return fault.message;
}

describe('CHECK', () => {
  test('passes as ADD left it, in any order', () => {
    const dataDir = attached();
    verifyLeases(dataDir, owner('c1'), BOTH, host());
    verifyLeases(dataDir, owner('c1'), BOTH.toReversed(), host());
  });

  test('passes for what host-local added', () => {
    const dataDir = scratch();
    files.foreign(dataDir, '10.1.0.7', 'c1\r\neth0');
    verifyLeases(dataDir, owner('c1'), [ip('10.1.0.7')], host());
  });

  test('passes for an attachment without addresses', () => {
    const dataDir = scratch();
    recordAttachment(dataDir, owner('c1'), host());
    verifyLeases(dataDir, owner('c1'), [], host());
  });

  test('names a lease that is missing', () => {
    const dataDir = attached();
    rmSync(`${dataDir}/${NETWORK}/fd00::2`);
    expect(complaint(dataDir)).toContain('the lease of fd00::2 for container c1 interface eth0 is missing');
  });

  test('names who holds a lease that is not its own', () => {
    const dataDir = attached();
    leaseAddresses(plan(dataDir, ['10.1.0.0/24']), owner('c2', { pod: { namespace: 'shop', name: 'web' } }), host());
    writeFileSync(`${dataDir}/${NETWORK}/10.1.0.2`, 'c2\r\neth0');
    expect(complaint(dataDir)).toContain(
      'the lease of 10.1.0.2 for container c1 interface eth0 is not its own: pod shop/web, container c2',
    );
    writeFileSync(`${dataDir}/${NETWORK}/10.1.0.2`, 'c1\r\neth1');
    expect(complaint(dataDir)).toContain('container c1 interface eth1 holds it');
    writeFileSync(`${dataDir}/${NETWORK}/10.1.0.2`, '');
    expect(complaint(dataDir)).toContain('an empty lease file holds it');
    rmSync(`${dataDir}/${NETWORK}/10.1.0.2`);
    mkdirSync(`${dataDir}/${NETWORK}/10.1.0.2`);
    expect(complaint(dataDir)).toContain('is not its own');
  });

  test('names a previous result that says something else', () => {
    const dataDir = attached();
    expect(complaint(dataDir, [ip('10.1.0.2')])).toContain(
      'was leased 10.1.0.2 and fd00::2, and the previous result says 10.1.0.2',
    );
    expect(complaint(dataDir, [...BOTH, ip('10.1.0.9')])).toContain('says 10.1.0.2 and fd00::2 and 10.1.0.9');
    expect(complaint(dataDir, [])).toContain('the previous result says none');
  });

  test('fails for one that was never added, also without a data directory', () => {
    expect(complaint(attached(), BOTH, 'c9')).toContain('is not its own: container c1');
    expect(complaint(`${scratch()}/none`)).toContain('is missing');
    expect(complaint(`${scratch()}/none`, [])).toContain('has no record');
  });
});
