/** Plans: as JSON in a record and back, and the walks over them. */

import { describe, expect, test } from 'bun:test';
import type { Cidr } from '../../../src/address/cidr.ts';
import { parseCidr } from '../../../src/address/cidr.ts';
import { type Ip, parseIp } from '../../../src/address/ip.ts';
import { parseMac } from '../../../src/address/mac.ts';
import { Fault } from '../../../src/fault.ts';
import type { Json } from '../../../src/ipam/index.ts';
import { silentLog } from '../../../src/log.ts';
import { addressingKind } from '../../../src/resources/addressing/addressing.ts';
import { KINDS } from '../../../src/resources/attachment.ts';
import { bridgeKind } from '../../../src/resources/bridge/bridge.ts';
import { forwardAcceptKind } from '../../../src/resources/forward-accept/forward-accept.ts';
import { forwardingKind } from '../../../src/resources/forwarding/forwarding.ts';
import { gatewayKind } from '../../../src/resources/gateway/gateway.ts';
import { guardKind } from '../../../src/resources/guard/guard.ts';
import { masqueradeKind } from '../../../src/resources/masquerade/masquerade.ts';
import type { Node } from '../../../src/resources/node.ts';
import {
  ablePlan,
  decodePlan,
  encodePlan,
  ensurePlan,
  isOwnedByAny,
  type Plan,
  type Resource,
  removeOwned,
  removePlan,
  resource,
  surveyKinds,
  verifyPlan,
  wantedOf,
} from '../../../src/resources/plan.ts';
import { portKind } from '../../../src/resources/port/port.ts';
import type { Kind, Owned } from '../../../src/resources/resource.ts';
import { vlanGatewayKind } from '../../../src/resources/vlan/vlan-gateway.ts';
import { faultOf, thrownBy } from '../../support/fault.ts';

const cidr = (text: string) => parseCidr(text) as Cidr;
const ip = (text: string) => parseIp(text) as Ip;
const mac = (text: string) => parseMac(text) as Uint8Array;
const KEY = { network: 'pods', containerId: 'abc', ifName: 'eth0', dataDir: '/var/lib/cni/networks' };
const PORT = { ...KEY, name: 'veth0', bridge: 'cni0', hairpin: true, isolated: false, keepDown: false };
const ROUTE = { gw: ip('10.1.0.1'), mtu: 1400, advmss: 1360, priority: 5, table: 100, scope: 0 };
const VLANS = [
  { first: 7, last: 7, pvid: true, untagged: true },
  { first: 100, last: 200, pvid: false, untagged: false },
];

interface Example {
  readonly resource: Resource;
  readonly json: Json;
  /** Keys without which it cannot be read. */
  readonly needs: readonly string[];
  /** Values that make nothing of it. */
  readonly malformed: Record<string, Json>;
}

const EXAMPLES: readonly Example[] = [
  {
    resource: resource(bridgeKind, {
      name: 'cni0',
      promiscuous: true,
      isGateway: true,
      mtu: 1400,
      vlanFiltering: true,
    }),
    json: { kind: 'bridge', name: 'cni0', promiscuous: true, isGateway: true, mtu: 1400, vlanFiltering: true },
    needs: ['name', 'promiscuous', 'isGateway'],
    malformed: { mtu: 70_000, promiscuous: 'yes' },
  },
  {
    resource: resource(vlanGatewayKind, { bridge: 'cni0', vlan: 7, keepDefault: true }),
    json: { kind: 'vlan-gateway', bridge: 'cni0', vlan: 7, keepDefault: true },
    needs: ['bridge', 'vlan', 'keepDefault'],
    malformed: { vlan: 4095, keepDefault: 1 },
  },
  {
    resource: resource(gatewayKind, {
      ...{ bridge: 'cni0', vlan: 7, force: false, port: 'veth0' },
      addresses: [cidr('10.1.0.1/24'), cidr('fd00:1::1/64')],
    }),
    json: {
      ...{ kind: 'gateway', bridge: 'cni0', vlan: 7, force: false, port: 'veth0' },
      addresses: ['10.1.0.1/24', 'fd00:1::1/64'],
    },
    needs: ['bridge', 'force', 'port', 'addresses'],
    malformed: { addresses: ['10.1.0.1'], vlan: -1 },
  },
  {
    resource: resource(forwardAcceptKind, { bridge: 'cni0', vlan: 7, mode: 'open', families: [4, 6] }),
    json: { kind: 'forward-accept', bridge: 'cni0', vlan: 7, mode: 'open', families: [4, 6] },
    needs: ['bridge', 'mode', 'families'],
    malformed: { mode: 'off', families: [5] },
  },
  {
    resource: resource(guardKind, { ...KEY, bridge: 'cni0', port: 'veth0', mac: mac('0a:1b:2c:3d:4e:5f') }),
    json: { kind: 'guard', ...KEY, bridge: 'cni0', port: 'veth0', mac: '0a:1b:2c:3d:4e:5f' },
    needs: ['network', 'containerId', 'ifName', 'bridge', 'port', 'mac'],
    malformed: { mac: '', port: null },
  },
  {
    resource: resource(portKind, {
      ...{ ...PORT, mac: mac('0a:00:00:00:00:01'), mtu: 1400 },
      vlans: { vlans: VLANS, keepDefault: true },
    }),
    json: {
      ...{ kind: 'port', ...PORT, mac: '0a:00:00:00:00:01', mtu: 1400 },
      vlans: { vlans: VLANS, keepDefault: true },
    },
    needs: ['network', 'containerId', 'ifName', 'name', 'bridge', 'hairpin', 'isolated', 'keepDown'],
    malformed: { mac: 'ff:ff:ff:ff:ff:ff', vlans: [] },
  },
  {
    resource: resource(addressingKind, {
      ...{ ifName: 'eth0', port: 'veth0', detectDuplicates: true },
      addresses: [{ address: cidr('10.1.0.2/24'), gateway: ip('10.1.0.1') }, { address: cidr('fd00:1::2/64') }],
      routes: [{ dst: cidr('0.0.0.0/0'), ...ROUTE }, { dst: cidr('fd00:2::/64') }],
    }),
    json: {
      ...{ kind: 'addressing', ifName: 'eth0', port: 'veth0', detectDuplicates: true },
      addresses: [{ address: '10.1.0.2/24', gateway: '10.1.0.1' }, { address: 'fd00:1::2/64' }],
      routes: [{ dst: '0.0.0.0/0', ...ROUTE, gw: '10.1.0.1' }, { dst: 'fd00:2::/64' }],
    },
    needs: ['ifName', 'port', 'detectDuplicates', 'addresses', 'routes'],
    malformed: { addresses: ['10.1.0.2/24'], routes: [{ dst: '10.0.0.0/33' }] },
  },
  {
    resource: resource(masqueradeKind, {
      ...{ ...KEY, backend: 'iptables' as const },
      addresses: [cidr('10.1.0.2/24'), cidr('fd00:1::2/64')],
    }),
    json: { kind: 'masquerade', ...KEY, backend: 'iptables', addresses: ['10.1.0.2/24', 'fd00:1::2/64'] },
    needs: ['network', 'containerId', 'ifName', 'backend', 'addresses'],
    malformed: { backend: 'pf', addresses: [4] },
  },
  {
    resource: resource(forwardingKind, { families: [6] }),
    json: { kind: 'forwarding', families: [6] },
    needs: ['families'],
    malformed: { families: ['4'] },
  },
];

/** What the records' reader makes of JSON, and what it logs meanwhile. */
function decoded(json: readonly Json[]): { plan: Plan; lines: string[] } {
  const lines: string[] = [];
  const plan = decodePlan(json, KINDS, (level, message) => lines.push(`${level}: ${message}`));
  return { plan, lines };
}

describe('a plan as JSON', () => {
  test('has an example of every kind here', () => {
    expect(EXAMPLES.map((example) => example.resource.kind)).toEqual([...KINDS]);
  });

  test.each(EXAMPLES.map((example) => [example.resource.kind.name, example] as const))(
    '%s: addresses, MACs and prefixes are text, and read back as what they were',
    (_, { resource: one, json }) => {
      expect(encodePlan([one])).toEqual([json]);
      const stored = JSON.parse(JSON.stringify(encodePlan([one]))) as Json[];
      expect(decoded(stored)).toEqual({ plan: [one], lines: [] });
    },
  );

  test('keeps the order, and a kind as often as it is there', () => {
    const accept = resource(forwardAcceptKind, { bridge: 'cni0', mode: 'auto', families: [4] });
    const all = [...EXAMPLES.map((example) => example.resource), accept].reverse();
    expect(decoded(JSON.parse(JSON.stringify(encodePlan(all))) as Json[])).toEqual({ plan: all, lines: [] });
  });

  test('leaves out what is undefined', () => {
    const [port] = encodePlan([resource(portKind, { ...PORT, mac: undefined, mtu: undefined, vlans: undefined })]);
    expect(port).toEqual({ kind: 'port', ...PORT });
  });

  test('of an empty plan is an empty list', () => {
    expect([encodePlan([]), decoded([])]).toEqual([[], { plan: [], lines: [] }]);
  });

  test('may have keys that are not known here, of a later version', () => {
    expect(decoded([{ kind: 'forwarding', families: [4], later: { than: 'this' } }])).toEqual({
      plan: [resource(forwardingKind, { families: [4] })],
      lines: [],
    });
  });
});

const WITHOUT = EXAMPLES.flatMap(({ resource: { kind }, json, needs }) =>
  needs.map((key) => {
    const { [key]: _, ...rest } = json as Record<string, Json>;
    return [`${kind.name} without ${key}`, rest, `the ${kind.name} of a record: ${key} is missing`] as const;
  }),
);
const MALFORMED = EXAMPLES.flatMap(({ resource: { kind }, json, malformed }) =>
  Object.entries(malformed).map(
    ([key, value]) =>
      [
        `${kind.name} with ${key} ${JSON.stringify(value)}`,
        { ...(json as object), [key]: value } as Json,
        `the ${kind.name} of a record: ${key}`,
      ] as const,
  ),
);
const FOREIGN: readonly (readonly [string, Json])[] = [
  ['a kind of a later version', { kind: 'tunnel', name: 'x' }],
  ['no kind', { name: 'cni0' }],
  ['a kind that is a number', { kind: 4 }],
  ['null', null],
  ['a text', 'bridge'],
  ['a list', [{ kind: 'forwarding', families: [4] }]],
];

describe('a plan that cannot be read as a whole', () => {
  const [before, after] = [resource(forwardingKind, { families: [4] }), resource(forwardingKind, { families: [6] })];
  const among = (json: Json) => decoded([...encodePlan([before]), json, ...encodePlan([after])]);

  test.each([...WITHOUT, ...MALFORMED])('%s: is left out with a warning, and the rest is read', (_, json, reason) => {
    const { plan, lines } = among(json);
    expect(plan).toEqual([before, after]);
    expect(lines).toEqual([expect.stringContaining(reason)]);
    expect(lines[0]).toStartWith('warn: cannot read a resource of a record: ');
  });

  test.each(FOREIGN)('%s: is left out with a warning, and the rest is read', (_, json) => {
    const { plan, lines } = among(json);
    expect(plan).toEqual([before, after]);
    expect(lines).toEqual([expect.stringMatching(/^warn: /)]);
  });

  test('is read of the kinds that are asked for alone', () => {
    const all = encodePlan(EXAMPLES.map((example) => example.resource));
    for (const { resource: one } of EXAMPLES) expect(decodePlan(all, [one.kind], silentLog)).toEqual([one]);
  });
});

/** What was done with fake resources, in order. */
interface Trace {
  readonly calls: string[];
  readonly steps: string[];
  readonly step: <T>(name: string, action: () => T) => T;
}

function trace(): Trace {
  const steps: string[] = [];
  const step = <T>(name: string, action: () => T) => {
    steps.push(name);
    return action();
  };
  return { calls: [], steps, step };
}

const NODE = {} as Node;

/** A resource that notes what is done with it. */
function fake(
  calls: string[],
  name: string,
  changes: Partial<Pick<Kind<unknown>, 'ensure' | 'verify' | 'remove' | 'survey' | 'able'>> = {},
): Resource {
  const note = (verb: string) => (node: Node, wanted: unknown) => {
    expect([node, wanted]).toEqual([NODE, `wanted of ${name}`]);
    calls.push(`${verb} ${name}`);
  };
  const plain: Kind<unknown> = {
    name,
    schema: undefined as never,
    ensure: note('ensure'),
    verify: (node, wanted) => void note('verify')(node, wanted),
    remove: note('remove'),
    survey: () => [],
    able: (node, wanted) => void note('able')(node, wanted),
  };
  return { kind: { ...plain, ...changes }, wanted: `wanted of ${name}` };
}

function failing(reason: string): () => never {
  return () => {
    throw new Error(reason);
  };
}

describe('making a plan', () => {
  test('goes in order, a step each, and notes each resource when it is there', () => {
    const { calls, steps, step } = trace();
    const made: Resource[] = [];
    const plan = ['a', 'b', 'c'].map((name) => fake(calls, name, { ensure: () => void calls.push(`${made.length}`) }));
    ensurePlan(NODE, plan, made, step);
    expect(calls).toEqual(['0', '1', '2']);
    expect(steps).toEqual(['ensure a', 'ensure b', 'ensure c']);
    expect(made).toEqual([...plan]);
  });

  test('stops at the first error, whose resource is not noted', () => {
    const { calls, steps, step } = trace();
    const earlier = fake(calls, 'earlier');
    const plan = [fake(calls, 'a'), fake(calls, 'b', { ensure: failing('b cannot be made') }), fake(calls, 'c')];
    const made = [earlier];
    const error = thrownBy(() => ensurePlan(NODE, plan, made, step));
    expect((error as Error).message).toBe('b cannot be made');
    expect(made).toEqual([earlier, plan[0] as Resource]);
    expect([calls, steps]).toEqual([['ensure a'], ['ensure a', 'ensure b']]);
  });
});

describe('verifying a plan', () => {
  const finding = new Fault('check', 'b is off', { details: 'Mend b.' });

  test('passes where all is as wanted', () => {
    const { calls, steps, step } = trace();
    verifyPlan(
      NODE,
      ['a', 'b'].map((name) => fake(calls, name)),
      step,
    );
    expect([calls, steps]).toEqual([
      ['verify a', 'verify b'],
      ['verify a', 'verify b'],
    ]);
  });

  test('throws the first finding, and what stands in the way of looking', () => {
    const { calls, step } = trace();
    const plan = [fake(calls, 'a'), fake(calls, 'b', { verify: () => finding }), fake(calls, 'c')];
    expect(thrownBy(() => verifyPlan(NODE, plan, step))).toBe(finding);
    expect(calls).toEqual(['verify a']);
    const blind = [fake(calls, 'd', { verify: failing('no look at d') })];
    expect((thrownBy(() => verifyPlan(NODE, blind, step)) as Error).message).toBe('no look at d');
  });
});

describe('removing a plan', () => {
  test('goes backwards, a step each', () => {
    const { calls, steps, step } = trace();
    const plan = ['a', 'b', 'c'].map((name) => fake(calls, name));
    expect(removePlan(NODE, plan, step)).toEqual([]);
    expect(calls).toEqual(['remove c', 'remove b', 'remove a']);
    expect(steps).toEqual(calls);
    expect(plan.map(({ kind }) => kind.name)).toEqual(['a', 'b', 'c']);
  });

  test('goes on past errors, and reports them in the order in which they came', () => {
    const { calls, step } = trace();
    const stuck = (name: string) => fake(calls, name, { remove: failing(`${name} is stuck`) });
    const plan = [stuck('a'), fake(calls, 'b'), stuck('c'), fake(calls, 'd')];
    expect(removePlan(NODE, plan, step).map((error) => (error as Error).message)).toEqual(['c is stuck', 'a is stuck']);
    expect(calls).toEqual(['remove d', 'remove b']);
  });

  test('passes over kinds that stay', () => {
    const { calls, steps, step } = trace();
    const { kind, wanted } = fake(calls, 'b');
    const { remove: _, ...staying } = kind;
    expect(removePlan(NODE, [fake(calls, 'a'), { kind: staying, wanted }, fake(calls, 'c')], step)).toEqual([]);
    expect([calls, steps]).toEqual([
      ['remove c', 'remove a'],
      ['remove c', 'remove a'],
    ]);
  });

  test('takes back what was made of a plan that failed', () => {
    const { calls, step } = trace();
    const made: Resource[] = [];
    const plan = [fake(calls, 'a'), fake(calls, 'b'), fake(calls, 'c', { ensure: failing('no') }), fake(calls, 'd')];
    thrownBy(() => ensurePlan(NODE, plan, made, step));
    removePlan(NODE, made, step);
    expect(calls).toEqual(['ensure a', 'ensure b', 'remove b', 'remove a']);
  });
});

describe('asking whether a plan could be made', () => {
  const limit = (name: string) => new Fault('limited', `${name} is dropped`);

  test('collects limits, and goes on past them', () => {
    const { calls, steps, step } = trace();
    const limits = [limit('a'), limit('c')];
    const plan = [
      fake(calls, 'a', { able: () => limits[0] }),
      fake(calls, 'b'),
      fake(calls, 'c', { able: () => limits[1] }),
      fake(calls, 'd'),
    ];
    expect(ablePlan(NODE, plan, step)).toEqual(limits);
    expect([calls, steps]).toEqual([
      ['able b', 'able d'],
      ['ask for a', 'ask for b', 'ask for c', 'ask for d'],
    ]);
    expect(ablePlan(NODE, [fake(calls, 'e')], step)).toEqual([]);
  });

  test.each(['unavailable', 'unsupported', 'conflict', 'kernel'] as const)('throws a refusal: %s', (kind) => {
    const { calls, step } = trace();
    const refusal = new Fault(kind, 'no b');
    const plan = [
      fake(calls, 'a', { able: () => limit('a') }),
      fake(calls, 'b', { able: () => refusal }),
      fake(calls, 'c'),
    ];
    expect(faultOf(() => ablePlan(NODE, plan, step))).toBe(refusal);
    expect(calls).toEqual([]);
  });
});

describe('a survey', () => {
  const owned = (calls: string[], what: string, containerId: string, remove = () => void calls.push(what)): Owned => ({
    what,
    isOf: (attachment) => attachment.containerId === containerId && attachment.ifName === 'eth0',
    remove,
  });

  test('asks each kind in order, with node and scope', () => {
    const scope = { network: 'pods', dataDir: '/d' };
    const found = [owned([], 'veth a', 'a'), owned([], 'veth b', 'b')];
    const asked: unknown[] = [];
    const survey = (...those: Owned[]) => ({
      survey: (...args: unknown[]) => {
        asked.push(args);
        return those;
      },
    });
    const kinds = [fake([], 'x', survey(found[0] as Owned)), fake([], 'y', survey()), fake([], 'z', survey(...found))];
    const all = surveyKinds(
      NODE,
      kinds.map(({ kind }) => kind),
      scope,
    );
    expect(all.map(({ what }) => what)).toEqual(['veth a', 'veth a', 'veth b']);
    expect(asked).toEqual([
      [NODE, scope],
      [NODE, scope],
      [NODE, scope],
    ]);
  });

  test('removes exactly what is doomed, past errors', () => {
    const calls: string[] = [];
    const all = [
      owned(calls, 'a', 'a'),
      owned(calls, 'b', 'b', failing('b is stuck')),
      owned(calls, 'c', 'c'),
      owned(calls, 'd', 'd'),
    ];
    const valid = [
      { containerId: 'c', ifName: 'eth0' },
      { containerId: 'a', ifName: 'eth1' },
    ];
    const failures = removeOwned(all, (one) => !isOwnedByAny(one, valid));
    expect(failures.map((error) => (error as Error).message)).toEqual(['b is stuck']);
    expect(calls).toEqual(['a', 'd']);
  });
});

test('what a plan wants of one kind is read from it in order', () => {
  const accepts = [4, 6].map((family) =>
    resource(forwardAcceptKind, { bridge: `cni${family}`, mode: 'auto', families: [family as 4 | 6] }),
  );
  const plan = [accepts[0] as Resource, resource(forwardingKind, { families: [4] }), accepts[1] as Resource];
  expect(wantedOf(plan, forwardAcceptKind).map(({ bridge }) => bridge)).toEqual(['cni4', 'cni6']);
  expect(wantedOf(plan, guardKind)).toEqual([]);
});
