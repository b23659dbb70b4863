/** What a record tells of its attachment: its plan, which 0.1.0 wrote as notes, and the process that makes it. */

import { describe, expect, test } from 'bun:test';
import type { AttachmentRecord, Json, Owner } from '../../../src/ipam/attachment.ts';
import { createRecord, decodeRecord, encodeRecord } from '../../../src/ipam/record.ts';
import { isBeingMade, recordedPlan, recordedProcess } from '../../../src/resources/attachment.ts';
import { hostVethName } from '../../../src/resources/names.ts';
import { encodePlan } from '../../../src/resources/plan.ts';

const ATTACHMENT = { network: 'pods', containerId: 'a', ifName: 'eth0' };
const DATA_DIR = '/var/lib/cni/networks';
const VETH = hostVethName(ATTACHMENT);
const MAC = '0a:1b:2c:3d:4e:5f';
const LEASED = ['10.1.0.2/24', 'fd00:1::2/64'];

function madeBy(process?: number): AttachmentRecord {
  return createRecord({ ...ATTACHMENT, process }, [], 'boot', 0);
}

/** A record as it stands on disk, through the reader of records. */
function record(changes: Partial<Owner>, addresses: readonly string[] = LEASED): AttachmentRecord {
  const text = encodeRecord(createRecord({ ...ATTACHMENT, hostVeth: VETH, ...changes }, addresses, 'boot', 0));
  return decodeRecord(text, 'the record');
}

/** The plan as a new record would have it, and what was logged. */
function planOf(found: AttachmentRecord | undefined): { plan: Json[]; lines: string[] } {
  const lines: string[] = [];
  const plan = recordedPlan(ATTACHMENT, found, DATA_DIR, (level, message) => lines.push(`${level}: ${message}`));
  return { plan: encodePlan(plan), lines };
}

const KEY = { ...ATTACHMENT, dataDir: DATA_DIR };
const PORT = { kind: 'port', ...KEY, name: VETH };
const MASQUERADE = { kind: 'masquerade', ...KEY, addresses: LEASED, backend: 'auto' };
const GUARD = { kind: 'guard', ...KEY, port: VETH, mac: MAC };
const ACCEPT = { kind: 'forward-accept', bridge: 'cni0', mode: 'auto', families: [4, 6] };
/** What 0.1.0 wrote for each attachment. */
const PLAIN = { process: 4711, masquerade: false };

const NOTES: readonly (readonly [string, Record<string, Json>, readonly object[]])[] = [
  ['nothing but the process', PLAIN, [PORT]],
  ['the leased addresses as masqueraded', { ...PLAIN, masquerade: true }, [PORT, MASQUERADE]],
  [
    'addresses of another IPAM plugin',
    { ...PLAIN, masquerade: ['192.0.2.9/24', '2001:db8::9/64'] },
    [PORT, { ...MASQUERADE, addresses: ['192.0.2.9/24', '2001:db8::9/64'] }],
  ],
  ['no addresses', { ...PLAIN, masquerade: [] }, [PORT]],
  ['iptables', { ...PLAIN, masquerade: true, backend: 'iptables' }, [PORT, { ...MASQUERADE, backend: 'iptables' }]],
  ['a guarded MAC', { ...PLAIN, guard: MAC }, [GUARD, PORT]],
  ['an accept', { ...PLAIN, forward: { bridge: 'cni0', mode: 'auto' } }, [ACCEPT, PORT]],
  [
    'an open accept',
    { ...PLAIN, forward: { bridge: 'br0', mode: 'open' } },
    [{ ...ACCEPT, bridge: 'br0', mode: 'open' }, PORT],
  ],
  [
    'everything',
    { ...PLAIN, masquerade: true, guard: MAC, backend: 'iptables', forward: { bridge: 'cni0', mode: 'auto' } },
    [ACCEPT, { ...GUARD, bridge: 'cni0' }, { ...PORT, bridge: 'cni0' }, { ...MASQUERADE, backend: 'iptables' }],
  ],
];

const GARBAGE: readonly (readonly [string, Record<string, Json>, readonly object[]])[] = [
  ['masquerade that is a text', { masquerade: '10.1.0.2/24' }, [PORT]],
  ['masquerade that is a number', { masquerade: 1 }, [PORT]],
  ['addresses that are none', { masquerade: ['x', 4, null, {}, '10.1.0.2', '10.1.0.2/33'] }, [PORT]],
  [
    'one address among them',
    { masquerade: ['x', '10.1.0.2/24'] },
    [PORT, { ...MASQUERADE, addresses: ['10.1.0.2/24'] }],
  ],
  ['a guard that is no MAC', { guard: 'yes' }, [PORT]],
  ['a guard that is a list', { guard: [MAC, MAC] }, [PORT]],
  ['a backend that nobody knows', { masquerade: true, backend: 'pf' }, [PORT, MASQUERADE]],
  ['an accept of no bridge', { forward: { mode: 'auto' } }, [PORT]],
  ['an accept of a number', { forward: { bridge: 7, mode: 'auto' } }, [PORT]],
  ['an accept in no mode', { forward: { bridge: 'cni0', mode: 'off' } }, [PORT]],
  ['an accept that is a text', { forward: 'cni0' }, [PORT]],
  ['no notes at all', {}, [PORT]],
];

describe('a record of 0.1.0', () => {
  test.each([...NOTES, ...GARBAGE])('with %s', (_, notes, expected) => {
    const { plan, lines } = planOf(record({ notes }));
    expect(plan).toMatchObject([...expected]);
    expect(lines).toEqual([]);
  });

  test('without notes has its port', () => {
    expect(planOf(record({})).plan).toMatchObject([PORT]);
  });

  test('keeps the name of its host veth, whatever ours would be', () => {
    const { plan } = planOf(record({ hostVeth: 'veth1234', notes: { ...PLAIN, guard: MAC } }));
    expect(plan).toMatchObject([
      { ...GUARD, port: 'veth1234' },
      { ...PORT, name: 'veth1234' },
    ]);
  });

  test('of the IPAM plugin alone has no port', () => {
    expect(planOf(record({ hostVeth: undefined })).plan).toEqual([]);
  });

  test('without addresses masquerades none', () => {
    expect(planOf(record({ notes: { ...PLAIN, masquerade: true } }, [])).plan).toMatchObject([PORT]);
  });

  test('that is lost leaves the host veth, by its name', () => {
    expect(planOf(undefined)).toMatchObject({ plan: [PORT], lines: [] });
  });
});

describe('a record with a plan', () => {
  const PLAN: Json[] = [
    { kind: 'port', ...KEY, name: 'veth9', bridge: 'br9', hairpin: true, isolated: false, keepDown: false },
    { kind: 'masquerade', ...KEY, addresses: ['10.9.0.2/24'], backend: 'iptables' },
  ];

  test('has that, and its notes say nothing', () => {
    const notes = { ...PLAIN, masquerade: true, guard: MAC };
    expect(planOf(record({ plan: PLAN, notes }))).toEqual({ plan: PLAN, lines: [] });
  });

  test('that is empty has nothing', () => {
    expect(planOf(record({ plan: [], notes: { ...PLAIN, masquerade: true } }))).toEqual({ plan: [], lines: [] });
  });

  test('in which not all can be read has the rest, and a warning for each', () => {
    const garbage: Json[] = [{ kind: 'port' }, { kind: 'guard', mac: 4 }, { kind: 'masquerade' }];
    const { plan, lines } = planOf(record({ plan: [...garbage, ...PLAN] }));
    expect(plan).toEqual(PLAN);
    expect(lines).toHaveLength(3);
  });
});

test.each([
  [{ process: 12 }, 12],
  [{ notes: { process: 13 } }, 13],
  [{ process: 12, notes: { process: 13 } }, 12],
  [{ notes: { process: '13' } }, undefined],
  [{}, undefined],
])('the process of %j is %j', (changes, expected) => {
  expect(recordedProcess(record(changes))).toBe(expected as number);
});

test('an attachment is being made while the process of its record runs this very program', async () => {
  expect(isBeingMade(madeBy(process.pid))).toBe(true);
  expect(isBeingMade(record({ notes: { process: process.pid } }))).toBe(true);
  expect(isBeingMade(madeBy())).toBe(false);
  // Another program has the number by now; then nobody has.
  const other = Bun.spawn(['sleep', '60']);
  expect(isBeingMade(madeBy(other.pid))).toBe(false);
  other.kill();
  await other.exited;
  expect(isBeingMade(madeBy(other.pid))).toBe(false);
});
