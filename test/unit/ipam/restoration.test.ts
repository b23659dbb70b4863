/** Files that were removed from, or copied into, a data directory while the containers that hold its addresses live. */

import { describe, expect, test } from 'bun:test';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { parseCidr } from '../../../src/address/cidr.ts';
import {
  findRecord,
  leaseAddresses,
  listRecords,
  planGarbage,
  recordAttachment,
  releaseAddresses,
  releaseGarbage,
  type Survivor,
  statusOf,
  verifyLeases,
} from './api.ts';
import { faultOf, files, host, ip, NETWORK, owner, plan, scratch, type TestHost, texts } from './support.ts';

const SETS = ['10.1.0.0/29', 'fd00::/64'];
const DAY = 86_400_000;

/** What a runtime's user types: everything in a directory, but not what begins with a dot. */
function empty(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (!name.startsWith('.')) rmSync(`${directory}/${name}`, { recursive: true });
  }
}

/** a, b and c are attached. */
function attached(): string {
  const dataDir = scratch();
  for (const id of ['a', 'b', 'c']) leaseAddresses(plan(dataDir, SETS), owner(id), host());
  return dataDir;
}

const HELD = ['10.1.0.2', '10.1.0.3', '10.1.0.4', 'fd00::2', 'fd00::3', 'fd00::4'];
const warnings = ({ lines }: TestHost) => lines.filter((line) => line.startsWith('warn'));

/** Each removal of all leases, with the records still there. */
const REMOVALS: readonly (readonly [string, (dataDir: string) => void])[] = [
  ['rm -rf D/net/*', (dataDir) => empty(`${dataDir}/${NETWORK}`)],
  ['rm -rf D/net', (dataDir) => rmSync(`${dataDir}/${NETWORK}`, { recursive: true })],
  ['rm -rf D/*', (dataDir) => empty(dataDir)],
  [
    'the same, and host-local was there first',
    (dataDir) => {
      empty(`${dataDir}/${NETWORK}`);
      writeFileSync(`${dataDir}/${NETWORK}/lock`, '');
      files.foreign(dataDir, 'last_reserved_ip.0', '10.1.0.5');
      files.foreign(dataDir, '10.1.0.5', 'h\r\neth0');
    },
  ],
];

describe.each(REMOVALS)('after %s', (_, remove) => {
  test('ADD puts back the leases of the living, and gives a free address', () => {
    const dataDir = attached();
    const before = statSync(`${dataDir}/${NETWORK}/10.1.0.3`).mtimeMs;
    remove(dataDir);
    const machine = host();
    const [address] = texts(leaseAddresses(plan(dataDir, SETS), owner('d'), machine));
    expect(HELD.map((held) => `${held}/29`)).not.toContain(address as string);
    expect(files.leases(dataDir)).toEqual(expect.arrayContaining(HELD));
    expect(files.text(dataDir, '10.1.0.3')).toBe('b\r\neth0');
    expect(statSync(`${dataDir}/${NETWORK}/10.1.0.3`).mtimeMs).toBeCloseTo(before, 0);
    verifyLeases(dataDir, owner('b'), [ip('10.1.0.3'), ip('fd00::3')], host());
    expect(warnings(machine)).toEqual([
      `warn: put back 6 leases and 0 records on ${NETWORK}, whose holders are alive: their files had been removed from ${dataDir}/${NETWORK} or ${dataDir}/.trestle/${NETWORK}`,
    ]);
    const later = host();
    leaseAddresses(plan(dataDir, ['10.1.0.0/24']), owner('e'), later);
    expect(later.lines).toEqual([]);
  });

  test.each<[string, (dataDir: string, machine: TestHost) => unknown]>([
    ['ADD without addresses', (dataDir, machine) => recordAttachment(dataDir, owner('d'), machine)],
    ['STATUS', (dataDir, machine) => statusOf(plan(dataDir, SETS), machine)],
    [
      'DEL of another',
      (dataDir, machine) => {
        leaseAddresses(plan(dataDir, SETS, { network: 'other' }), owner('o', { network: 'other' }), host());
        return releaseAddresses(dataDir, owner('c'), machine);
      },
    ],
    [
      'GC',
      (dataDir, machine) =>
        releaseGarbage(dataDir, NETWORK, planGarbage(dataDir, NETWORK, undefined, machine), machine),
    ],
  ])('so does %s', (_, call) => {
    const dataDir = attached();
    remove(dataDir);
    const machine = host();
    call(dataDir, machine);
    expect(files.leases(dataDir)).toEqual(expect.arrayContaining(['10.1.0.2', '10.1.0.3', 'fd00::2', 'fd00::3']));
    expect(warnings(machine)).toEqual([expect.stringContaining('whose holders are alive')]);
  });

  test('what is dead gets nothing back, and what may live does', () => {
    const dataDir = attached();
    remove(dataDir);
    const judge = ({ containerId }: { containerId: string }) =>
      (({ a: { state: 'dead', evidence: '' }, b: { state: 'unknown', evidence: '' } }) as const)[containerId] ??
      ({ state: 'alive', evidence: '' } as const);
    leaseAddresses(plan(dataDir, SETS), owner('d'), host({ judge }));
    expect(files.leases(dataDir).map((name) => files.text(dataDir, name))).not.toContain('a\r\neth0');
    expect(files.leases(dataDir)).toEqual(expect.arrayContaining(['10.1.0.3', '10.1.0.4', 'fd00::3', 'fd00::4']));
  });

  test('an ADD that is killed before it has put all back is not the last one to try', () => {
    const dataDir = attached();
    remove(dataDir);
    mkdirSync(`${dataDir}/.trestle/${NETWORK}/.new`);
    expect(faultOf(() => leaseAddresses(plan(dataDir, SETS), owner('d'), host())).kind).toBe('io');
    rmSync(`${dataDir}/.trestle/${NETWORK}/.new`, { recursive: true });
    leaseAddresses(plan(dataDir, SETS), owner('d'), host());
    expect(files.leases(dataDir)).toEqual(expect.arrayContaining(HELD));
  });
});

test('an address that was leased anew before the lease could be put back is in use twice, which is said', () => {
  const dataDir = attached();
  empty(`${dataDir}/${NETWORK}`);
  files.foreign(dataDir, '10.1.0.3', 'x\r\neth0');
  const machine = host();
  leaseAddresses(plan(dataDir, SETS), owner('d'), machine);
  expect(files.text(dataDir, '10.1.0.3')).toBe('x\r\neth0');
  expect(files.text(dataDir, 'fd00::3')).toBe('b\r\neth0');
  expect(warnings(machine)).toEqual([
    `warn: 10.1.0.3 on ${NETWORK} is in use twice: container x interface eth0 holds the lease, and container b interface eth0 is alive with that address. Restart one of them.`,
    expect.stringContaining('put back 5 leases'),
  ]);
});

describe('without records, the host tells who lives', () => {
  const survivor = (id: string, addresses: readonly string[], network = NETWORK): Survivor => ({
    ...owner(id, { network, hostVeth: `veth${id}` }),
    addresses: addresses.map((text) => parseCidr(text) as never),
  });
  const survivors = () => [
    survivor('a', ['10.1.0.2/29', 'fd00::2/64']),
    survivor('b', ['10.1.0.3/29', 'fd00::3/64']),
    survivor('z', ['10.1.0.6/29'], 'other'),
  ];

  test.each<[string, (dataDir: string) => void]>([
    ['rm -rf D', (dataDir) => rmSync(dataDir, { recursive: true })],
    [
      'rm -rf D/.trestle D/net',
      (dataDir) => ['.trestle', NETWORK].map((name) => rmSync(`${dataDir}/${name}`, { recursive: true })),
    ],
    ['rm -rf D/.trestle', (dataDir) => rmSync(`${dataDir}/.trestle`, { recursive: true })],
    ['rm -rf D/.trestle/net/*', (dataDir) => empty(`${dataDir}/.trestle/${NETWORK}`)],
  ])('after %s, ADD puts back records and leases', (_, remove) => {
    const dataDir = scratch();
    for (const id of ['a', 'b']) leaseAddresses(plan(dataDir, SETS), owner(id), host());
    remove(dataDir);
    const machine = host({ survivors });
    expect(texts(leaseAddresses(plan(dataDir, SETS), owner('d'), machine))[0]).toBe('10.1.0.4/29');
    expect(files.leases(dataDir)).toEqual(['10.1.0.2', '10.1.0.3', '10.1.0.4', 'fd00::2', 'fd00::3', 'fd00::4']);
    expect(findRecord(dataDir, owner('b'), host())).toMatchObject({
      addresses: ['10.1.0.3/29', 'fd00::3/64'],
      hostVeth: 'vethb',
    });
    expect(warnings(machine)).toEqual([expect.stringMatching(/put back \d leases and 2 records on pods/)]);
    expect(listRecords(dataDir, NETWORK, host())).toHaveLength(3);
    // Those leases are of those records: when the attachments are dead, they go.
    leaseAddresses(plan(dataDir, SETS), owner('a'), host({ isDead: ({ containerId }) => containerId === 'a' }));
    expect(files.leases(dataDir)).not.toContain('10.1.0.2');
  });

  test('an attachment that is added again is judged as if its record had never gone', () => {
    const dataDir = scratch();
    const add = (isDead: boolean) =>
      leaseAddresses(plan(dataDir, SETS), owner('a'), host({ survivors, isDead: () => isDead }));
    expect(faultOf(() => add(false)).message).toContain('it holds 10.1.0.2/29 and fd00::2/64');
    expect(texts(add(true))).toHaveLength(2);
  });

  test('is asked once a network, and never where there are records', () => {
    const dataDir = scratch();
    let asked = 0;
    const machine = host({
      survivors: () => {
        asked++;
        return [];
      },
    });
    for (const id of ['a', 'b']) leaseAddresses(plan(dataDir, SETS), owner(id), machine);
    empty(`${dataDir}/${NETWORK}`);
    leaseAddresses(plan(dataDir, SETS), owner('c'), machine);
    expect([asked, machine.lines.length]).toEqual([1, 1]);
  });

  test('where that cannot be known, nothing is leased, and the next ADD asks again', () => {
    const dataDir = scratch();
    const failing = () => {
      throw new Error('links may not be looked at');
    };
    expect(() => leaseAddresses(plan(dataDir, SETS), owner('d'), host({ survivors: failing }))).toThrow('links');
    expect(texts(leaseAddresses(plan(dataDir, SETS), owner('d'), host({ survivors })))[0]).toBe('10.1.0.4/29');
  });
});

describe('a data directory that was copied without times', () => {
  /** With all files written at the same time. */
  function copied(ageMs = 0): string {
    const dataDir = scratch();
    for (const id of ['a', 'b'])
      leaseAddresses(plan(dataDir, ['10.1.0.0/29']), owner(id), host({ nowMs: () => Date.now() - DAY }));
    const copy = scratch();
    cpSync(dataDir, copy, { recursive: true });
    const at = new Date(Date.now() - ageMs);
    for (const name of files.leases(copy)) utimesSync(`${copy}/${NETWORK}/${name}`, at, at);
    return copy;
  }

  test('gives back what its living attachments hold, once they are dead', () => {
    const dataDir = copied();
    const machine = host();
    leaseAddresses(plan(dataDir, ['10.1.0.0/29']), owner('c'), machine);
    expect(machine.lines).toEqual([]);
    const doomed = planGarbage(dataDir, NETWORK, undefined, host({ isDead: ({ containerId }) => containerId !== 'c' }));
    releaseGarbage(dataDir, NETWORK, doomed, host({ isDead: ({ containerId }) => containerId !== 'c' }));
    expect(files.leases(dataDir)).toEqual(['10.1.0.4']);
  });

  test('gives back what is dead already, if it was copied before this boot', () => {
    const dataDir = copied(DAY);
    leaseAddresses(plan(dataDir, ['10.1.0.0/29']), owner('c'), host({ bootId: 'boot-2' }));
    expect(files.leases(dataDir)).toEqual(['10.1.0.4']);
  });

  test('keeps what is dead already and cannot be told from a lease of host-local, and says so and what to do', () => {
    const dataDir = copied();
    const machine = host({ isDead: ({ containerId }) => containerId === 'a' });
    releaseGarbage(dataDir, NETWORK, planGarbage(dataDir, NETWORK, undefined, machine), machine);
    expect(files.leases(dataDir)).toEqual(['10.1.0.2', '10.1.0.3']);
    expect(warnings(machine)).toEqual([
      expect.stringMatching(
        /^warn: kept the lease of 10\.1\.0\.2 on pods: container a interface eth0 is dead by its record, but the file is of another time than the record, .* DEL, GC with a list, or the next boot releases it\.$/,
      ),
    ]);
    expect(releaseAddresses(dataDir, owner('a'), host())).toEqual([ip('10.1.0.2')]);
  });
});

test("the lock file is the mark: our files among the leases are host-local's own", () => {
  const dataDir = attached();
  const names = readdirSync(`${dataDir}/${NETWORK}`).filter((name) => !HELD.includes(name));
  expect(names.sort()).toEqual(['last_reserved_ip.0', 'last_reserved_ip.1', 'lock']);
  expect(readFileSync(`${dataDir}/${NETWORK}/lock`, 'utf8')).toBe('');
});
