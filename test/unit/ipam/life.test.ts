/** The rules of life as a table: what the probes say, and what follows. */

import { describe, expect, test } from 'bun:test';
import { type HostVeth, judgeLife, type Life, type Netns, type Owner, type Probes } from './api.ts';
import { owner } from './support.ts';

const PATH = '/run/netns/p1';
const NETNS: Netns = { path: PATH, device: 4, inode: 100 };
const BOOTED_AT = Date.parse('2026-01-02T00:00:00Z');

type Boot = 'this' | 'other ID' | 'earlier';
type Veth = HostVeth | 'unlookable' | 'unnamed' | 'no probe';
type Place = 'in place' | 'gone' | 'other netns' | 'other device' | 'unlookable' | 'unrecorded';
type Processes = 'some' | 'none' | 'unknown';
/** Whose ADD asks, if any does: of the same attachment, while its first maker runs or not; or of another, which may have got the inode. */
type Asking = 'no ADD' | 'same, being made' | 'same' | 'another' | 'another with its inode';

interface Case {
  readonly boot: Boot;
  readonly veth: Veth;
  readonly place: Place;
  readonly processes: Processes;
  readonly asking: Asking;
}

const BOOTS: Boot[] = ['this', 'other ID', 'earlier'];
const VETHS: Veth[] = ['there', 'peer dying', 'absent', 'unlookable', 'unnamed', 'no probe'];
const PLACES: Place[] = ['in place', 'gone', 'other netns', 'other device', 'unlookable', 'unrecorded'];
const PROCESSES: Processes[] = ['some', 'none', 'unknown'];
const ASKING: Asking[] = ['no ADD', 'same, being made', 'same', 'another', 'another with its inode'];

const refuse = (what: string) => {
  throw new Error(`${what} may not be looked at`);
};

function probesOf({ veth, place, processes, asking }: Case): Probes {
  const files: Record<Place, () => ReturnType<Probes['fileAt']>> = {
    'in place': () => ({ device: 4, inode: 100 }),
    gone: () => undefined,
    'other netns': () => ({ device: 4, inode: 101 }),
    'other device': () => ({ device: 5, inode: 100 }),
    unlookable: () => refuse(PATH),
    unrecorded: () => refuse(PATH),
  };
  const hostVeth = () => (veth === 'unlookable' ? refuse('links') : (veth as HostVeth));
  return {
    bootId: 'boot-2',
    bootedAtMs: () => BOOTED_AT,
    fileAt: files[place],
    netnsInUse: () => ({
      inodes: new Set(processes === 'some' ? [100] : []),
      gap: processes === 'unknown' ? 'hidepid' : undefined,
    }),
    isRunning: (pid, start) => pid === 77 && start === 5 && asking === 'same, being made',
    ...(veth !== 'no probe' && { hostVeth }),
  };
}

function ownerOf(asking: Asking): Owner | undefined {
  const own: Record<Asking, Owner | undefined> = {
    'no ADD': undefined,
    'same, being made': owner('a', { netns: NETNS }),
    same: owner('a', { netns: NETNS }),
    another: owner('b', { netns: { path: '/run/netns/p2', device: 4, inode: 200 } }),
    'another with its inode': owner('b', { netns: { path: '/run/netns/p2', device: 4, inode: 100 } }),
  };
  return own[asking];
}

function judge(one: Case): Life {
  const record = {
    ...owner('a', { process: 77, processStart: 5 }),
    version: 1,
    addresses: ['10.1.0.2/24'],
    bootId: one.boot === 'this' ? 'boot-2' : 'boot-1',
    createdAt: new Date(BOOTED_AT + (one.boot === 'earlier' ? -60_000 : 60_000)).toISOString(),
    netns: one.place === 'unrecorded' ? undefined : NETNS,
    hostVeth: one.veth === 'unnamed' ? undefined : 'veth1',
  };
  return judgeLife(record, probesOf(one), ownerOf(one.asking));
}

/** Each combination of a row's values; where a row has none, of all. */
function combinations(row: Partial<{ readonly [key in keyof Case]: readonly Case[key][] }>): Case[] {
  const { boot = BOOTS, veth = VETHS, place = PLACES, processes = PROCESSES, asking = ASKING } = row;
  return boot.flatMap((b) =>
    veth.flatMap((v) =>
      place.flatMap((p) =>
        processes.flatMap((o) => asking.map((a) => ({ boot: b, veth: v, place: p, processes: o, asking: a }))),
      ),
    ),
  );
}

type Row = readonly [name: string, state: Life['state'], evidence: string, row: Parameters<typeof combinations>[0]];

const NO_VETH: Veth[] = ['absent', 'unnamed', 'no probe'];
const GONE: Place[] = ['gone', 'other netns'];
const SAME: Asking[] = ['same', 'same, being made'];
const NOT_SAME: Asking[] = ['no ADD', 'another', 'another with its inode'];
const MAY_BE_THIS: Boot[] = ['this', 'other ID'];

const ROWS: readonly Row[] = [
  // The host veth.
  ['a host veth', 'alive', 'its host veth veth1 is there', { veth: ['there'], asking: NOT_SAME }],
  [
    'a host veth whose peer dies, with the netns where it may be in place',
    'alive',
    'its host veth veth1 is there',
    { veth: ['peer dying'], place: ['in place', 'other device', 'unlookable', 'unrecorded'], asking: NOT_SAME },
  ],
  ['a host veth whose peer dies', 'dead', 'the kernel is taking', { veth: ['peer dying'], place: GONE }],
  ['links that may not be looked at', 'unknown', 'links may not be', { veth: ['unlookable'], asking: NOT_SAME }],
  // The netns, in what may be this boot, whatever its ID.
  [
    'a netns in place',
    'alive',
    `its network namespace is at ${PATH}`,
    { veth: NO_VETH, place: ['in place'], asking: NOT_SAME },
  ],
  [
    'a process in the netns',
    'alive',
    'a process lives in its network namespace',
    { boot: MAY_BE_THIS, veth: NO_VETH, place: GONE, processes: ['some'], asking: ['no ADD', 'another'] },
  ],
  [
    'a netns that is gone, without processes',
    'dead',
    `its network namespace is no longer at ${PATH}, and no process lives in it`,
    { boot: MAY_BE_THIS, veth: NO_VETH, place: GONE, processes: ['none'] },
  ],
  [
    'a netns that is gone, where processes are hidden',
    'unknown',
    'what lives in it cannot be known: hidepid',
    { boot: MAY_BE_THIS, veth: NO_VETH, place: GONE, processes: ['unknown'], asking: ['no ADD', 'another'] },
  ],
  [
    'a file of another device in its place',
    'unknown',
    `${PATH} is there, but no network namespace is seen at it`,
    { boot: MAY_BE_THIS, veth: NO_VETH, place: ['other device'], asking: NOT_SAME },
  ],
  [
    'a path that may not be looked at',
    'unknown',
    `${PATH} may not be looked at`,
    { veth: NO_VETH, place: ['unlookable'], asking: NOT_SAME },
  ],
  [
    'no recorded netns',
    'unknown',
    'no record tells of its network namespace',
    { boot: MAY_BE_THIS, veth: NO_VETH, place: ['unrecorded'], asking: NOT_SAME },
  ],
  // An earlier boot, by ID and by time.
  [
    'an earlier boot, and a netns that is not in place, whatever processes are in a netns of that number',
    'dead',
    `it is of an earlier boot, and its network namespace is not at ${PATH}`,
    { boot: ['earlier'], veth: NO_VETH, place: [...GONE, 'other device'] },
  ],
  [
    'an earlier boot, and no recorded netns',
    'dead',
    'it is of an earlier boot',
    { boot: ['earlier'], veth: NO_VETH, place: ['unrecorded'] },
  ],
  [
    'an earlier boot, and the ADD of the same attachment',
    'dead',
    'it is of an earlier boot',
    { boot: ['earlier'], veth: NO_VETH, asking: SAME },
  ],
  // An ADD of the same attachment, which has a host veth or may have one.
  [
    'its own ADD, while the netns is in use',
    'alive',
    'its host veth veth1 is there',
    { veth: ['there'], place: ['in place'], asking: SAME },
  ],
  [
    'its own ADD, while a process is in the netns',
    'alive',
    'its host veth veth1 is there',
    { boot: MAY_BE_THIS, veth: ['there'], place: GONE, processes: ['some'], asking: SAME },
  ],
  [
    'its own ADD, whatever keeps the veth, with the netns gone',
    'dead',
    'no process lives in it',
    { boot: MAY_BE_THIS, veth: ['there', 'unlookable'], place: GONE, processes: ['none'], asking: SAME },
  ],
  [
    'its own ADD, with a netns that cannot be known',
    'unknown',
    '',
    {
      boot: MAY_BE_THIS,
      veth: ['there', 'unlookable', 'peer dying'],
      place: ['other device', 'unlookable', 'unrecorded'],
      asking: SAME,
    },
  ],
  [
    'its own ADD, with no host veth, and the maker ended',
    'dead',
    'its ADD was not finished, and its host veth is not there',
    {
      boot: MAY_BE_THIS,
      veth: ['absent'],
      place: ['in place', 'other device', 'unlookable', 'unrecorded'],
      asking: ['same'],
    },
  ],
  [
    'its own ADD, with no host veth, while it is being made',
    'alive',
    `its network namespace is at ${PATH}`,
    { boot: MAY_BE_THIS, veth: ['absent'], place: ['in place'], asking: ['same, being made'] },
  ],
  [
    'its own ADD, where nothing is known of interfaces',
    'alive',
    `its network namespace is at ${PATH}`,
    { boot: MAY_BE_THIS, veth: ['unnamed', 'no probe'], place: ['in place'], asking: SAME },
  ],
  // An ADD of another attachment, in a netns that has got the inode number.
  [
    'the inode passed on to the netns of this ADD',
    'dead',
    'the kernel has given the inode number',
    {
      boot: MAY_BE_THIS,
      veth: ['absent'],
      place: GONE,
      processes: ['some', 'unknown'],
      asking: ['another with its inode'],
    },
  ],
  [
    'the inode passed on, where no host veth could tell',
    'alive',
    'a process lives in its network namespace',
    {
      boot: MAY_BE_THIS,
      veth: ['unnamed', 'no probe'],
      place: GONE,
      processes: ['some'],
      asking: ['another with its inode'],
    },
  ],
];

describe('an attachment with', () => {
  test.each(ROWS)('%s is %s: %s', (_, state, evidence, row) => {
    const all = combinations(row);
    expect(all.length).toBeGreaterThan(0);
    for (const one of all) {
      const life = judge(one);
      expect({ ...one, ...life }).toEqual({ ...one, state, evidence: expect.stringContaining(evidence) });
    }
  });
});

describe('of all combinations', () => {
  const all = combinations({});
  const deadOnes = all.filter((one) => judge(one).state === 'dead');

  test('a host veth is never dead for others than its own ADD', () => {
    const others = deadOnes.filter(({ asking }) => NOT_SAME.includes(asking));
    expect(others.filter(({ veth }) => veth === 'there' || veth === 'unlookable')).toEqual([]);
    expect(others.length).toBeGreaterThan(0);
  });

  test('a netns in place is dead only for its own ADD, where that found no host veth', () => {
    const inPlace = deadOnes.filter(({ place }) => place === 'in place');
    expect(inPlace.filter(({ asking, veth }) => !SAME.includes(asking) || !NO_VETH.includes(veth))).toEqual([]);
  });

  test('a boot ID that differs, without an earlier time, changes nothing', () => {
    for (const one of all.filter(({ boot }) => boot === 'this'))
      expect(judge({ ...one, boot: 'other ID' })).toEqual(judge(one));
  });
});

describe('a record of 0.1.0', () => {
  const record = {
    ...owner('a', { netns: NETNS, hostVeth: 'veth1', notes: { process: 77 } }),
    version: 1,
    addresses: [],
    bootId: 'boot-2',
    createdAt: new Date(BOOTED_AT).toISOString(),
  };
  const probes = probesOf({ boot: 'this', veth: 'absent', place: 'in place', processes: 'none', asking: 'same' });

  test.each([
    [true, 'alive'],
    [false, 'dead'],
  ])('has the ID of its process in the notes; where that runs is %p, its own ADD finds it %s', (runs, state) => {
    const asked: unknown[] = [];
    const isRunning = (...args: unknown[]) => asked.push(args) > 0 && runs;
    expect(judgeLife(record, { ...probes, isRunning }, owner('a')).state).toBe(state as Life['state']);
    expect(asked).toEqual([[77, undefined]]);
  });
});

test('where a probe fails that never should, nothing is known', () => {
  const probes = probesOf({ boot: 'this', veth: 'absent', place: 'gone', processes: 'none', asking: 'no ADD' });
  const record = {
    ...owner('a', { netns: NETNS }),
    version: 1,
    addresses: [],
    bootId: 'boot-1',
    createdAt: '2026-01-01',
  };
  const failing = { ...probes, bootedAtMs: () => refuse('/proc/uptime') };
  expect(judgeLife(record, failing)).toEqual({ state: 'unknown', evidence: '/proc/uptime may not be looked at' });
});
