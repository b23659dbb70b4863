/** What the configuration amounts to as resources: which, in which order, with what wanted of each. */

import { describe, expect, test } from 'bun:test';
import { type Cidr, parseCidr } from '../../../../src/address/cidr.ts';
import { type Ip, parseIp } from '../../../../src/address/ip.ts';
import { formatMac } from '../../../../src/address/mac.ts';
import type { Json } from '../../../../src/ipam/index.ts';
import { silentLog } from '../../../../src/log.ts';
import { attachmentPlan, macOf, newPort, withGateways } from '../../../../src/plugins/bridge/plan.ts';
import { readSettings } from '../../../../src/plugins/bridge/settings.ts';
import { KINDS } from '../../../../src/resources/attachment.ts';
import { containerMac, hostVethName } from '../../../../src/resources/names.ts';
import { decodePlan, encodePlan, type Plan } from '../../../../src/resources/plan.ts';
import { requestOf } from './requests.ts';

const KEY = { network: 'pods', containerId: 'abc', ifName: 'eth0' };
const VETH = hostVethName(KEY);
const MAC = formatMac(containerMac(KEY));
const V4 = '10.1.0.2/24';
const V6 = 'fd00:1::2/64';

/** The plan of a configuration for an attachment with these addresses, `10.1.0.2/24 10.1.0.1`, and routes. */
function planOf(config: object, addresses: readonly string[] = [V4], uplinkMtu?: number): Plan {
  const request = requestOf(config);
  const settings = readSettings(request.config);
  const given = addresses.map((text) => {
    const [address = '', gateway] = text.split(' ');
    return {
      address: parseCidr(address) as Cidr,
      gateway: gateway === undefined ? undefined : (parseIp(gateway) as Ip),
    };
  });
  const routes = [{ dst: parseCidr('192.0.2.0/24') as Cidr }];
  const allocation = withGateways({ addresses: given, routes, dns: {} }, settings);
  return attachmentPlan(
    request,
    settings,
    allocation,
    newPort(request, settings, () => ({ value: uplinkMtu, from: 'uplink' })),
  );
}

const kindsOf = (plan: Plan) => plan.map(({ kind }) => kind.name).join(' ');
/** What is wanted of one kind, as the record has it. */
const wanted = (plan: Plan, name: string) => encodePlan(plan.filter(({ kind }) => kind.name === name)) as object[];

const GATEWAY = { isGateway: true };
const MASQ = { ipMasq: true };
const GUARDED = { macspoofchk: true };
const VLAN = { vlan: 100 };
const TRUNK = { vlanTrunk: [{ minID: 5, maxID: 7 }] };
const DOWN = { disableContainerInterface: true };
const OFF = { forward: 'off' };
const OPEN = { forward: 'open' };
const BOTH = [V4, V6];

const ORDER: readonly (readonly [object, readonly string[], string])[] = [
  [{}, [V4], 'bridge forward-accept port addressing'],
  [{}, [], 'bridge forward-accept port addressing'],
  [DOWN, [], 'bridge forward-accept port'],
  [MASQ, [V4], 'bridge forward-accept port addressing masquerade'],
  [MASQ, [], 'bridge forward-accept port addressing'],
  [{ ...MASQ, ...DOWN }, [], 'bridge forward-accept port'],
  [GUARDED, [], 'bridge forward-accept guard port addressing'],
  [{ ...GUARDED, ...DOWN }, [], 'bridge forward-accept guard port'],
  [{ ...GUARDED, ...MASQ }, BOTH, 'bridge forward-accept guard port addressing masquerade'],
  [GATEWAY, [V4], 'bridge gateway forward-accept port addressing forwarding'],
  [{ isDefaultGateway: true }, BOTH, 'bridge gateway forward-accept port addressing forwarding'],
  [{ ...GATEWAY, ...OFF }, [V6], 'bridge gateway port addressing forwarding'],
  [{ ...GATEWAY, ...OPEN }, [V4], 'bridge gateway forward-accept port addressing forwarding'],
  [OPEN, [V4], 'bridge forward-accept port addressing'],
  [{ forward: 'auto' }, [], 'bridge forward-accept port addressing'],
  [OFF, [V4], 'bridge port addressing'],
  [
    { ...GATEWAY, ...MASQ, ...GUARDED },
    BOTH,
    'bridge gateway forward-accept guard port addressing masquerade forwarding',
  ],
  [{ ...GATEWAY, ...MASQ, ...OFF }, BOTH, 'bridge gateway port addressing masquerade forwarding'],
  [VLAN, [V4], 'bridge forward-accept port addressing'],
  [TRUNK, [V4], 'bridge forward-accept port addressing'],
  [{ ...VLAN, ...MASQ }, [V4], 'bridge forward-accept port addressing masquerade'],
  [
    { ...VLAN, ...GATEWAY },
    [V4],
    'bridge vlan-gateway gateway forward-accept forward-accept port addressing forwarding',
  ],
  [
    { ...VLAN, ...GATEWAY, ...MASQ, ...GUARDED },
    BOTH,
    'bridge vlan-gateway gateway forward-accept forward-accept guard port addressing masquerade forwarding',
  ],
  [{ ...VLAN, ...GATEWAY, ...OFF }, [V4], 'bridge vlan-gateway gateway port addressing forwarding'],
  [{ ...TRUNK, ...GATEWAY }, [V4], 'bridge gateway forward-accept port addressing forwarding'],
  [
    { ...VLAN, ...TRUNK, ...GATEWAY },
    [V4],
    'bridge vlan-gateway gateway forward-accept forward-accept port addressing forwarding',
  ],
  // Without addresses nobody has a gateway there.
  [GATEWAY, [], 'bridge forward-accept port addressing forwarding'],
  [{ ...VLAN, ...GATEWAY }, [], 'bridge forward-accept port addressing forwarding'],
];

describe('which resources, in which order', () => {
  test.each(ORDER)('%j with addresses %j', (config, addresses, expected) => {
    expect(kindsOf(planOf(config, addresses))).toBe(expected);
  });

  test.each(ORDER)('%j with addresses %j: a record reads back the same', (config, addresses) => {
    const plan = planOf(config, addresses, 1400);
    const stored = JSON.parse(JSON.stringify(encodePlan(plan))) as Json[];
    expect(encodePlan(decodePlan(stored, KINDS, silentLog))).toEqual(encodePlan(plan));
  });

  test('every kind that a record may hold is in some plan', () => {
    const all = new Set(ORDER.flatMap(([config, addresses]) => planOf(config, addresses).map(({ kind }) => kind)));
    expect([...all].sort((a, b) => a.name.localeCompare(b.name))).toEqual(
      [...KINDS].sort((a, b) => a.name.localeCompare(b.name)),
    );
  });
});

type Row = readonly [config: object, addresses: readonly string[], kind: string, expected: readonly object[]];

const ACCEPT = { bridge: 'cni0', mode: 'auto' };
const MEMBER = (id: number) => ({ first: id, last: id, pvid: true, untagged: true });
const WANTED: readonly Row[] = [
  [{}, [V4], 'bridge', [{ name: 'cni0', promiscuous: false, isGateway: false }]],
  [
    { bridge: 'br0', promiscMode: true, mtu: 1400, ...GATEWAY },
    [V4],
    'bridge',
    [{ name: 'br0', promiscuous: true, isGateway: true, mtu: 1400 }],
  ],
  [VLAN, [V4], 'bridge', [{ vlanFiltering: true }]],
  [TRUNK, [V4], 'bridge', [{ vlanFiltering: true }]],

  [{ ...VLAN, ...GATEWAY }, [V4], 'vlan-gateway', [{ bridge: 'cni0', vlan: 100, keepDefault: false }]],
  [
    { ...VLAN, ...GATEWAY, preserveDefaultVlan: true },
    [V4],
    'vlan-gateway',
    [{ bridge: 'cni0', vlan: 100, keepDefault: true }],
  ],

  [GATEWAY, [V4], 'gateway', [{ bridge: 'cni0', addresses: ['10.1.0.1/24'], force: false, port: VETH }]],
  [GATEWAY, [V6], 'gateway', [{ addresses: ['fd00:1::1/64'] }]],
  [GATEWAY, BOTH, 'gateway', [{ addresses: ['10.1.0.1/24', 'fd00:1::1/64'] }]],
  [GATEWAY, ['10.1.0.2/24 10.1.0.254'], 'gateway', [{ addresses: ['10.1.0.254/24'] }]],
  [GATEWAY, ['10.1.0.2/24', '10.1.0.3/24'], 'gateway', [{ addresses: ['10.1.0.1/24'] }]],
  [GATEWAY, ['10.1.200.9/16'], 'gateway', [{ addresses: ['10.1.0.1/16'] }]],
  [{ ...GATEWAY, forceAddress: true }, [V4], 'gateway', [{ force: true }]],
  [{ ...GATEWAY, ...VLAN }, [V4], 'gateway', [{ bridge: 'cni0', vlan: 100, addresses: ['10.1.0.1/24'] }]],

  [GATEWAY, [V4], 'forward-accept', [{ ...ACCEPT, families: [4] }]],
  [GATEWAY, [V6], 'forward-accept', [{ ...ACCEPT, families: [6] }]],
  [GATEWAY, BOTH, 'forward-accept', [{ ...ACCEPT, families: [4, 6] }]],
  [{ forward: 'auto' }, [], 'forward-accept', [{ ...ACCEPT, families: [4, 6] }]],
  [{ ...GATEWAY, ...OPEN }, [V4], 'forward-accept', [{ mode: 'open' }]],
  [
    { ...GATEWAY, ...VLAN },
    BOTH,
    'forward-accept',
    [
      { ...ACCEPT, families: [4, 6] },
      { ...ACCEPT, vlan: 100, families: [4, 6] },
    ],
  ],

  [GUARDED, [V4], 'guard', [{ ...KEY, bridge: 'cni0', port: VETH, mac: MAC }]],
  [
    { ...GUARDED, runtimeConfig: { mac: '0a:00:00:00:00:07' } },
    [V4],
    'guard',
    [{ port: VETH, mac: '0a:00:00:00:00:07' }],
  ],

  [
    {},
    [V4],
    'port',
    [{ ...KEY, name: VETH, bridge: 'cni0', mac: MAC, hairpin: false, isolated: false, keepDown: false }],
  ],
  [{ hairpinMode: true }, [V4], 'port', [{ hairpin: true, isolated: false }]],
  [{ portIsolation: true }, [V4], 'port', [{ hairpin: false, isolated: true }]],
  [DOWN, [], 'port', [{ keepDown: true }]],
  [{ mtu: 1400, args: { cni: { mac: '0a:00:00:00:00:08' } } }, [V4], 'port', [{ mtu: 1400, mac: '0a:00:00:00:00:08' }]],
  [VLAN, [V4], 'port', [{ vlans: { vlans: [MEMBER(100)], keepDefault: false } }]],
  [
    { ...TRUNK, preserveDefaultVlan: true },
    [V4],
    'port',
    [{ vlans: { vlans: [MEMBER(1), { first: 5, last: 7, pvid: false, untagged: false }], keepDefault: true } }],
  ],
  [
    { ...VLAN, ...TRUNK },
    [V4],
    'port',
    [{ vlans: { vlans: [{ first: 5, last: 7, pvid: false, untagged: false }, MEMBER(100)], keepDefault: false } }],
  ],

  [
    {},
    [V4],
    'addressing',
    [
      {
        ifName: 'eth0',
        port: VETH,
        addresses: [{ address: V4 }],
        routes: [{ dst: '192.0.2.0/24' }],
        detectDuplicates: false,
      },
    ],
  ],
  [{ enabledad: true }, [V6], 'addressing', [{ addresses: [{ address: V6 }], detectDuplicates: true }]],
  [GATEWAY, [V4], 'addressing', [{ addresses: [{ address: V4, gateway: '10.1.0.1' }] }]],
  [
    { isDefaultGateway: true },
    BOTH,
    'addressing',
    [
      {
        routes: [{ dst: '192.0.2.0/24' }, { dst: '0.0.0.0/0', gw: '10.1.0.1' }, { dst: '::/0', gw: 'fd00:1::1' }],
      },
    ],
  ],

  [MASQ, [V4], 'masquerade', [{ ...KEY, addresses: [V4], backend: 'auto' }]],
  [{ ...MASQ, ipMasqBackend: 'nftables' }, [V6], 'masquerade', [{ addresses: [V6], backend: 'nftables' }]],
  [{ ...MASQ, ipMasqBackend: 'iptables' }, BOTH, 'masquerade', [{ addresses: BOTH, backend: 'iptables' }]],

  [GATEWAY, [V4], 'forwarding', [{ families: [4] }]],
  [GATEWAY, [V6], 'forwarding', [{ families: [6] }]],
  [GATEWAY, BOTH, 'forwarding', [{ families: [4, 6] }]],
];

describe('what is wanted', () => {
  test.each(WANTED)('%j with addresses %j: %s', (config, addresses, kind, expected) => {
    expect(wanted(planOf(config, addresses), kind)).toMatchObject([...expected]);
  });

  test('no VLAN is wanted of a port, a gateway or an accept where the configuration names none', () => {
    const plan = planOf({ ...GATEWAY, ...MASQ, ...GUARDED }, BOTH);
    expect(JSON.stringify(encodePlan(plan))).not.toContain('vlan');
  });

  test('of attachments names the data directory, and of what they share nothing of the container', () => {
    const config = { ...GATEWAY, ...MASQ, ...GUARDED, ipam: { type: 'trestle-ipam', dataDir: '/d' } };
    const plan = planOf(config, BOTH);
    for (const kind of ['guard', 'port', 'masquerade']) expect(wanted(plan, kind)).toMatchObject([{ dataDir: '/d' }]);
    for (const kind of ['bridge', 'forward-accept', 'forwarding']) {
      expect(JSON.stringify(wanted(plan, kind))).not.toMatch(/abc|eth0|veth/);
    }
  });
});

describe('the MTU', () => {
  test.each([
    [{}, 1450, 1450],
    [{ mtu: 1400 }, 1450, 1400],
    [{ mtu: 0 }, 1450, 1450],
    [{}, undefined, undefined],
  ])('of %j with an uplink of %j is %j, of bridge and port', (config, uplink, mtu) => {
    const plan = planOf(config, [V4], uplink);
    for (const kind of ['bridge', 'port']) expect((wanted(plan, kind)[0] as { mtu?: number }).mtu).toBe(mtu as number);
  });
});

test('the port is called and has the MAC that the caller says, and the guard holds it to the configured one', () => {
  const request = requestOf(GUARDED);
  const settings = readSettings(request.config);
  const plan = attachmentPlan(
    request,
    settings,
    { addresses: [], routes: [] },
    { name: 'vethx', mac: undefined, mtu: { value: 1400, from: 'configuration' } },
  );
  expect(wanted(plan, 'port')).toMatchObject([{ name: 'vethx', mtu: 1400 }]);
  expect(wanted(plan, 'port')[0]).not.toHaveProperty('mac');
  expect(wanted(plan, 'guard')).toMatchObject([{ port: 'vethx', mac: formatMac(macOf(request)) }]);
});
