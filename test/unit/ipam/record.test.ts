import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  createRecord,
  decodeLease,
  decodeRecord,
  encodeLease,
  encodeRecord,
  isHeldBy,
  recordedAddresses,
} from './api.ts';
import { faultOf, ip, owner } from './support.ts';

const name = fc.stringMatching(/^[A-Za-z0-9][\w.-]{0,70}$/);
const ifName = fc
  .stringMatching(/^[^\s/:]{1,15}$/)
  .filter((text) => text.trim() === text && text !== '.' && text !== '..');
const text = fc.string({ maxLength: 20 });

describe('the record', () => {
  test('comes back as it went', () => {
    const netns = fc.record({ path: text, device: fc.nat(), inode: fc.nat() });
    const notes = fc
      .dictionary(
        fc.string().filter((key) => key !== '__proto__'),
        fc.jsonValue(),
      )
      .map((value) => JSON.parse(JSON.stringify(value)));
    fc.assert(
      fc.property(name, ifName, netns, notes, fc.date({ noInvalidDate: true }), (id, interfaceName, ns, open, date) => {
        const owned = owner(id, {
          ifName: interfaceName,
          netns: ns,
          notes: open,
          hostVeth: 'veth',
          pod: { name: 'web' },
        });
        const record = createRecord(owned, ['10.1.0.2/24', 'fd00::2/64'], 'boot', date.getTime());
        expect(decodeRecord(encodeRecord(record), 'it')).toEqual(record);
      }),
      { numRuns: 300 },
    );
  });

  test('keeps what a later version may add from being an error', () => {
    const record = createRecord(owner('c1'), [], 'boot', 0);
    const later = JSON.stringify({ ...record, version: 2, somethingNew: true });
    expect(decodeRecord(later, 'it')).toMatchObject({ version: 2, containerId: 'c1' });
  });

  test.each([
    ['', 'not JSON'],
    ['{"version":1', 'not JSON'],
    ['null', 'an object'],
    ['{}', 'network is missing'],
    [JSON.stringify({ ...createRecord(owner('c1'), [], 'b', 0), addresses: ['10.1.0.300/24'] }), 'addresses[0]'],
    [JSON.stringify({ ...createRecord(owner('c1'), [], 'b', 0), netns: { path: 'x' } }), 'netns.device is missing'],
    [JSON.stringify({ ...createRecord(owner('c1'), [], 'b', 0), createdAt: 'yesterday' }), 'createdAt'],
  ])('%j is refused', (broken, complaint) => {
    const fault = faultOf(() => decodeRecord(broken, 'the record x'));
    expect([fault.kind, fault.message]).toEqual(['decode', expect.stringContaining(complaint)]);
    expect(fault.message).toContain('the record x');
  });

  test('knows its addresses as values', () => {
    const record = createRecord(owner('c1'), ['10.1.0.2/24', 'fd00::2/64'], 'b', 0);
    expect(recordedAddresses(record)).toEqual([
      { ip: ip('10.1.0.2'), prefix: 24 },
      { ip: ip('fd00::2'), prefix: 64 },
    ]);
  });
});

describe('the text of a lease', () => {
  test('comes back as it went, and belongs to that attachment alone', () => {
    fc.assert(
      fc.property(name, ifName, name, ifName, (id, interfaceName, otherId, otherName) => {
        const attachment = owner(id, { ifName: interfaceName });
        const encoded = encodeLease(attachment);
        expect(decodeLease(encoded)).toEqual({ containerId: id, ifName: interfaceName });
        expect(isHeldBy(encoded, attachment)).toBe(true);
        const isSame = otherId === id && otherName === interfaceName;
        expect(isHeldBy(encoded, owner(otherId, { ifName: otherName }))).toBe(isSame);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['c1\r\neth0', 'c1', 'eth0'],
    [' c1\r\neth0 \n', 'c1', 'eth0'],
    ['c1\neth0', 'c1', 'eth0'],
    ['c1', 'c1', undefined],
  ])('%j is read', (lease, containerId, interfaceName) => {
    expect(decodeLease(lease)).toEqual({ containerId, ifName: interfaceName } as never);
  });

  test.each(['', ' \r\n', '\0\0\0\0', '-c1\r\neth0', 'c1\r\neth0\r\nmore', 'c1\r\neth 0', 'two words', '{"a":1}'])(
    '%j is none',
    (lease) => {
      expect(decodeLease(lease)).toBeUndefined();
      expect(isHeldBy(lease, owner('c1'))).toBe(false);
    },
  );
});
