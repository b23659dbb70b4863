import { describe, expect, test } from 'bun:test';
import { formatIp } from '../../../src/address/ip.ts';
import { ipamSchema, ipRangesSchema } from '../../../src/ipam/config.ts';
import { planIpam } from '../../../src/ipam/plan.ts';
import { rangeText } from '../../../src/ipam/ranges.ts';
import { parseWith } from '../../../src/schema/explain.ts';
import { faultOf, ip } from './support.ts';

interface More {
  ipRanges?: unknown;
  requested?: string[];
  cniVersion?: string;
}

function planned(section: object, { ipRanges, requested = [], cniVersion = '1.0.0' }: More = {}) {
  return planIpam({
    network: 'pods',
    cniVersion,
    section: parseWith(ipamSchema, { type: 'host-local', ...section }, 'ipam', 'config'),
    ipRanges: ipRanges === undefined ? undefined : parseWith(ipRangesSchema, ipRanges, 'ipRanges', 'config'),
    requested: requested.map(ip),
  });
}

const rangesOf = (...args: Parameters<typeof planned>) =>
  planned(...args).rangeSets.map((set) => set.ranges.map(rangeText));

describe('a range is filled in as host-local does', () => {
  test.each([
    ['10.1.0.0/24', '10.1.0.1-10.1.0.254', '10.1.0.1'],
    ['10.1.0.0/30', '10.1.0.1-10.1.0.2', '10.1.0.1'],
    ['fd00::/64', 'fd00::1-fd00::ffff:ffff:ffff:ffff', 'fd00::1'],
    ['fd00::/126', 'fd00::1-fd00::3', 'fd00::1'],
    ['0.0.0.0/0', '0.0.0.1-255.255.255.254', '0.0.0.1'],
  ])('%s is %s with gateway %s', (subnet, range, gateway) => {
    const set = planned({ subnet }).rangeSets[0];
    expect(set?.ranges.map(rangeText)).toEqual([range]);
    expect(formatIp(set?.ranges[0]?.gateway as never)).toBe(gateway);
  });

  test('rangeStart, rangeEnd and gateway hold when given, the gateway outside of the subnet too', () => {
    const range = { subnet: '10.1.0.0/24', rangeStart: '10.1.0.8', rangeEnd: '10.1.0.9', gateway: '10.2.0.1' };
    const [set] = planned({ ranges: [[range]] }).rangeSets;
    expect(set?.ranges.map(rangeText)).toEqual(['10.1.0.8-10.1.0.9']);
    expect(set?.ranges[0]?.gateway).toEqual(ip('10.2.0.1'));
  });

  test('ipRanges come first, then the old single range, then ranges', () => {
    const section = { subnet: '10.2.0.0/30', ranges: [[{ subnet: '10.3.0.0/30' }]] };
    const ipRanges = [[{ subnet: '10.1.0.0/30' }]];
    expect(rangesOf(section, { ipRanges })).toEqual([
      ['10.1.0.1-10.1.0.2'],
      ['10.2.0.1-10.2.0.2'],
      ['10.3.0.1-10.3.0.2'],
    ]);
  });

  test('a rangeStart without subnet beside ranges says nothing, as in the reference', () => {
    expect(rangesOf({ rangeStart: '1.2.3.4', ranges: [[{ subnet: '10.3.0.0/30' }]] })).toEqual([['10.3.0.1-10.3.0.2']]);
  });
});

describe('what is refused names range, key and value', () => {
  const range = (keys: object) => ({ ranges: [[{ subnet: '10.9.0.0/24' }, { subnet: '10.1.0.0/24', ...keys }]] });
  test.each([
    [{}, 'neither subnet nor ranges'],
    [{ ranges: [] }, 'neither subnet nor ranges'],
    [{ ranges: [[{ subnet: '10.9.0.0/24' }], []] }, 'ipam.ranges[1] is empty'],
    [{ subnet: '10.1.0.0/31' }, 'ipam.subnet 10.1.0.0/31 is too small: its length may be /30 at most'],
    [
      range({ subnet: 'fd00::/127' }),
      'ipam.ranges[0][1].subnet fd00::/127 is too small: its length may be /126 at most',
    ],
    [
      range({ subnet: '10.1.0.5/24' }),
      'ipam.ranges[0][1].subnet 10.1.0.5/24 has host bits set: the network is 10.1.0.0/24',
    ],
    [range({ rangeStart: '10.2.0.1' }), 'ipam.ranges[0][1].rangeStart 10.2.0.1 is outside of subnet 10.1.0.0/24'],
    [range({ rangeEnd: 'fd00::1' }), 'ipam.ranges[0][1].rangeEnd fd00::1 is outside of subnet 10.1.0.0/24'],
    [
      range({ rangeStart: '10.1.0.9', rangeEnd: '10.1.0.8' }),
      'ipam.ranges[0][1].rangeStart 10.1.0.9 is after rangeEnd 10.1.0.8',
    ],
    [range({ gateway: 'fd00::1' }), 'ipam.ranges[0][1].gateway fd00::1 is not of the family of subnet 10.1.0.0/24'],
    [range({ subnet: 'fd00::/64' }), 'ipam.ranges[0][1] is IPv6, but ipam.ranges[0][0], in the same set, is IPv4'],
    [
      range({ subnet: '10.9.0.0/25' }),
      'ipam.ranges[0][0] (10.9.0.1-10.9.0.254) overlaps ipam.ranges[0][1] (10.9.0.1-10.9.0.126)',
    ],
    [{ subnet: '10.1.0.0/24', ranges: [[{ subnet: '10.1.0.0/16' }]] }, 'overlaps ipam.ranges[0][0]'],
    [{ subnet: '10.1.0.0/24', exclude: ['10.0.0.0/8'] }, 'ipam has no address left to hand out'],
    [{ subnet: '10.1.0.0/30', gateway: '10.1.0.2', exclude: ['10.1.0.1/32'] }, 'ipam has no address left'],
  ])('%j', (section, complaint) => {
    const fault = faultOf(() => planned(section));
    expect(fault.kind).toBe('config');
    expect(fault.message).toContain(complaint);
    expect(fault.details).toBeString();
  });

  test('the capability is named by where it came from', () => {
    const ipRanges = [[{ subnet: '10.1.0.1/24' }]];
    expect(faultOf(() => planned({}, { ipRanges })).message).toContain(
      'runtimeConfig.ipRanges[0][0].subnet 10.1.0.1/24',
    );
  });

  test('parts of one subnet do not overlap', () => {
    const part = (rangeStart: string, rangeEnd: string) => ({ subnet: '10.1.0.0/24', rangeStart, rangeEnd });
    const ranges = [[part('10.1.0.10', '10.1.0.19'), part('10.1.0.20', '10.1.0.29')]];
    expect(rangesOf({ ranges })).toEqual([['10.1.0.10-10.1.0.19', '10.1.0.20-10.1.0.29']]);
    const touching = [[part('10.1.0.10', '10.1.0.20'), part('10.1.0.20', '10.1.0.29')]];
    expect(faultOf(() => planned({ ranges: touching })).message).toContain('overlaps');
  });

  test('two addresses a family need CNI 0.3.0', () => {
    const two = { ranges: [[{ subnet: '10.1.0.0/24' }], [{ subnet: '10.2.0.0/24' }]] };
    for (const cniVersion of ['0.1.0', '0.2.0']) {
      const { kind, message } = faultOf(() => planned(two, { cniVersion }));
      expect([kind, message]).toEqual([
        'config',
        expect.stringContaining(`second IPv4 address, and cniVersion ${cniVersion}`),
      ]);
    }
    for (const cniVersion of ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'])
      expect(rangesOf(two, { cniVersion })).toHaveLength(2);
    const dual = { ranges: [[{ subnet: '10.1.0.0/24' }], [{ subnet: 'fd00::/64' }]] };
    expect(rangesOf(dual, { cniVersion: '0.2.0' })).toHaveLength(2);
  });
});

describe('requested addresses', () => {
  const section = {
    ranges: [
      [{ subnet: '10.1.0.0/24' }, { subnet: '10.2.0.0/24', rangeStart: '10.2.0.10' }],
      [{ subnet: 'fd00::/64' }],
    ],
    exclude: ['10.1.0.64/26'],
  };

  test('go to the range set that holds them, once', () => {
    const { requested } = planned(section, { requested: ['fd00::5', '10.2.0.20', 'fd00::5'] });
    expect(requested).toEqual([
      { ip: ip('fd00::5'), rangeSet: 1 },
      { ip: ip('10.2.0.20'), rangeSet: 0 },
    ]);
  });

  test.each([
    [['10.3.0.1'], '10.3.0.1: no range of the network holds it'],
    [['10.2.0.9'], '10.2.0.9: no range of the network holds it'],
    [['10.1.0.255'], '10.1.0.255: no range of the network holds it'],
    [['10.1.0.1'], '10.1.0.1: it is the gateway'],
    [['fd00::1'], 'fd00::1: it is the gateway'],
    [['10.1.0.64'], '10.1.0.64: it is excluded'],
    [['10.1.0.5', '10.2.0.20'], '10.2.0.20: range set 0 gives one address, and 10.1.0.5 is requested of it too'],
  ])('%j are refused', (requested, complaint) => {
    const fault = faultOf(() => planned(section, { requested }));
    expect(fault.kind).toBe('address');
    expect(fault.message).toContain(complaint);
    expect(fault.details).toContain('10.1.0.1-10.1.0.254, 10.2.0.10-10.2.0.254; fd00::1-');
  });
});

test('what no network has so many of is refused at once', () => {
  const ranges = Array.from({ length: 1001 }, (_, at) => [{ subnet: `10.${at >> 8}.${at & 255}.0/24` }]);
  expect(planned({ ranges: ranges.slice(1) }).rangeSets).toHaveLength(1000);
  expect(faultOf(() => planned({ ranges })).message).toContain('there are 1001 ranges, and 1000 can be used');
  const exclude = Array.from({ length: 1001 }, (_, at) => `10.1.${at >> 8}.${at & 255}/32`);
  expect(faultOf(() => planned({ subnet: '10.1.0.0/16', exclude })).message).toContain('exclude has 1001 entries');
});

test('the rest is handed on', () => {
  const { routes, resolvConf, dataDir, network } = planned({
    subnet: '10.1.0.0/24',
    routes: [{ dst: '0.0.0.0/0' }],
    resolvConf: '/x',
  });
  expect({ routes: routes.length, resolvConf, dataDir, network }).toEqual({
    routes: 1,
    resolvConf: '/x',
    dataDir: '/var/lib/cni/networks',
    network: 'pods',
  });
});
