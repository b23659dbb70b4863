import { describe, expect, test } from 'bun:test';
import { formatCidr } from '../../../../src/address/cidr.ts';
import { formatIp } from '../../../../src/address/ip.ts';
import { formatMac } from '../../../../src/address/mac.ts';
import { parseInput } from '../../../../src/cni/stdio.ts';
import { faultOf } from '../../../support/fault.ts';
import { requestOf, testLog } from './requests.ts';

const MAC = { args: 'MAC=02:00:00:00:00:01', cni: '02:00:00:00:00:02', runtime: '02:00:00:00:00:03' };

test('a request is environment and configuration in one, which nobody changes', () => {
  const config = {
    cniVersion: '1.0.0',
    bridge: 'br0',
    ipam: { type: 'host-local', dataDir: '/d' },
    dns: { domain: 'x' },
  };
  const request = requestOf(config, { CNI_ARGS: 'K8S_POD_NAME=web-0' });
  expect(request).toMatchObject({
    ...{
      command: 'ADD',
      cniVersion: '1.0.0',
      network: 'pods',
      containerId: 'abc',
      ifName: 'eth0',
      netns: '/run/netns/x',
    },
    ...{ dataDir: '/d', requestedIps: [], pod: { name: 'web-0' }, dns: { domain: 'x' }, ipam: { type: 'host-local' } },
  });
  expect([request.mac, request.ipRanges, request.prevResult, request.validAttachments]).toEqual(
    Array.from({ length: 4 }, () => undefined),
  );
  expect(Object.isFrozen(request)).toBe(true);
});

test('CNI_NETNS_OVERRIDE is part of the request', () => {
  expect(requestOf({}).allowOwnNetns).toBe(false);
  expect(requestOf({}, { CNI_NETNS_OVERRIDE: '1' }).allowOwnNetns).toBe(true);
});

describe('the MAC address', () => {
  test.each([
    ['of the runtime before all', MAC.runtime, MAC.cni, MAC.args, MAC.runtime],
    ['of args.cni before CNI_ARGS', undefined, MAC.cni, MAC.args, MAC.cni],
    ['of CNI_ARGS where there is no other', undefined, undefined, MAC.args, '02:00:00:00:00:01'],
    ['that is empty counts as none', '', '', MAC.args, '02:00:00:00:00:01'],
    ['that nobody asks for', undefined, undefined, '', undefined],
  ])('%s', (_, runtime, cni, args, expected) => {
    const config = { runtimeConfig: { mac: runtime }, args: { cni: { mac: cni } } };
    const { mac } = requestOf(config, { CNI_ARGS: args });
    expect(mac && formatMac(mac)).toBe(expected as string);
  });

  test.each(['ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00', '0a:1b'])('may not be %s', (mac) => {
    const fault = faultOf(() => requestOf({ runtimeConfig: { mac } }));
    expect(fault.kind).toBe('config');
    expect(fault.message).toContain(`runtimeConfig.mac: "${mac}" is not a MAC address`);
  });
});

describe('the addresses asked for', () => {
  test('add up: of the runtime, of args.cni, of CNI_ARGS', () => {
    const config = { runtimeConfig: { ips: ['10.1.0.2', 'fd00::2/64'] }, args: { cni: { ips: ['10.1.0.3/24'] } } };
    const { requestedIps } = requestOf(config, { CNI_ARGS: 'IP=10.1.0.4' });
    expect(requestedIps.map(formatIp)).toEqual(['10.1.0.2', 'fd00::2', '10.1.0.3', '10.1.0.4']);
  });

  test('must be addresses', () => {
    const fault = faultOf(() => requestOf({ runtimeConfig: { ips: ['10.1.0.2', 'x'] } }));
    expect(fault.message).toBe('cannot use the configuration: runtimeConfig.ips[1]: "x" is not an IP address');
  });
});

test('ranges that the runtime gives are handed on', () => {
  const { ipRanges } = requestOf({
    runtimeConfig: { ipRanges: [[{ subnet: '10.5.0.0/16' }], [{ subnet: 'fd00::/64' }]] },
  });
  expect(ipRanges?.map((set) => set.map(({ subnet }) => formatCidr(subnet)))).toEqual([['10.5.0.0/16'], ['fd00::/64']]);
});

describe('CNI_ARGS', () => {
  test('are looked at where an attachment is made or checked', () => {
    for (const command of ['ADD', 'CHECK']) {
      expect(() => requestOf({ cniVersion: '1.0.0' }, { CNI_COMMAND: command, CNI_ARGS: 'rubbish' })).toThrow(
        'CNI_ARGS',
      );
    }
  });

  test('do not make a DEL fail, nor what is about the whole network', () => {
    for (const command of ['DEL', 'GC', 'STATUS']) {
      const request = requestOf({ cniVersion: '1.1.0' }, { CNI_COMMAND: command, CNI_ARGS: 'rubbish;IP=x' });
      expect([request.command as string, request.requestedIps]).toEqual([command, []]);
    }
  });
});

const PREVIOUS = {
  cniVersion: '1.0.0',
  interfaces: [{ name: 'dummy0' }],
  ips: [{ address: '10.9.0.2/24', interface: 0 }],
};

describe('prevResult', () => {
  const BROKEN: [unknown][] = [[{ ips: 7, CNIVERSION: null }], ['rubbish'], [7], [[]]];

  test.each(BROKEN)('is not decoded where the command may not need it: %j', (prevResult) => {
    for (const command of ['DEL', 'CHECK']) {
      const request = requestOf({ cniVersion: '1.0.0', prevResult }, { CNI_COMMAND: command });
      expect([request.prevResult, request.previous]).toEqual([prevResult, undefined]);
    }
  });

  test('of an ADD is the result of the plugin before ours', () => {
    const { previous } = requestOf({ cniVersion: '1.0.0', prevResult: PREVIOUS });
    expect(previous?.interfaces).toEqual([{ name: 'dummy0' }]);
    expect(previous?.ips.map(({ address }) => formatCidr(address))).toEqual(['10.9.0.2/24']);
    expect(requestOf({ cniVersion: '1.0.0' }).previous).toBeUndefined();
  });

  test('is ignored by an ADD under a version that knows no lists', () => {
    for (const cniVersion of ['0.1.0', '0.2.0']) {
      expect(requestOf({ cniVersion, prevResult: { ips: 7 } }).previous).toBeUndefined();
    }
  });

  test.each([
    ['rubbish', 'decode', 'cannot use prevResult: expected an object, found the string "rubbish"'],
    [{ ips: 7 }, 'decode', 'cannot use prevResult: ips: expected a list, found 7'],
    [
      { ...PREVIOUS, interfaces: [] },
      'decode',
      'cannot use prevResult: ips[0].interface is 0, and there are 0 interfaces',
    ],
    [{ ...PREVIOUS, cniVersion: '2.0.0' }, 'version', 'cannot use prevResult: cniVersion "2.0.0" is not supported'],
  ])('that an ADD cannot use is refused: %j', (prevResult, kind, message) => {
    const fault = faultOf(() => requestOf({ cniVersion: '1.0.0', prevResult }));
    expect([fault.kind as string, fault.message]).toEqual([kind, message]);
  });
});

describe('the attachments that the runtime knows', () => {
  const list = [{ containerID: 'a', ifname: 'eth0' }];
  const gc = (config: object) =>
    requestOf({ cniVersion: '1.1.0', ...config }, { CNI_COMMAND: 'GC' }).validAttachments as unknown;

  test('come under either of two names', () => {
    const expected = [{ containerId: 'a', ifName: 'eth0' }];
    expect(gc({ 'cni.dev/valid-attachments': list })).toEqual(expected);
    expect(gc({ 'cni.dev/attachments': list })).toEqual(expected);
    expect(gc({ 'cni.dev/valid-attachments': list, 'cni.dev/attachments': [] })).toEqual(expected);
  });

  test('may be none, which is not the same as not being told', () => {
    expect([gc({ 'cni.dev/valid-attachments': [] }), gc({})]).toEqual([[], undefined]);
    const json = parseInput('{"name":"pods","cniVersion":"1.1.0","cni.dev/valid-attachments":null}');
    expect(gc(json)).toBeUndefined();
  });

  test('must be a list of attachments', () => {
    expect(faultOf(() => gc({ 'cni.dev/valid-attachments': [{ containerID: 'a' }] })).message).toBe(
      'cannot use the configuration: cni.dev/valid-attachments[0].ifname is missing',
    );
  });
});

describe('IPAM', () => {
  test.each([{}, { ipam: {} }, { ipam: { type: '' } }])('is none in %j', (config) => {
    expect(requestOf(config).ipam).toBeUndefined();
  });

  test.each(['host-local', 'trestle-ipam'])('that is called %s is done here', (type) => {
    const request = requestOf({ ipam: { type, subnet: '10.1.0.0/24' } });
    expect([request.ipam?.type, request.delegation]).toEqual([type, undefined]);
  });

  test('of any other name is another plugin’s, which gets our stdin and environment as they are', () => {
    const config = { name: 'pods', ipam: { type: 'static', addresses: [7] }, unknown: { to: 'us' } };
    const request = requestOf(config, { CNI_PATH: '/opt/cni/bin:/usr/lib/cni', OTHER: 'x' });
    expect(request.ipam).toBeUndefined();
    expect(request.delegation).toMatchObject({ type: 'static', path: ['/opt/cni/bin', '/usr/lib/cni'] });
    expect(JSON.parse(request.delegation?.input ?? '')).toEqual(config);
    expect(request.delegation?.variables).toMatchObject({ CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'abc', OTHER: 'x' });
  });

  test('is read as the IPAM plugin reads it: routes once, a warning of keys without effect', () => {
    const log = testLog();
    const routes = [{ dst: '10.2.0.0/16' }, { dst: '10.2.0.0/16' }];
    const ipam = { type: 'host-local', ranges: [[{ subnet: '10.1.0.0/24' }]], gateway: '10.1.0.9', routes };
    expect(requestOf({ ipam }, {}, log).ipam?.routes).toHaveLength(1);
    expect(log.lines).toEqual([expect.stringContaining('the key "ipam.gateway" has no effect')]);
  });

  test('keeps its leases where host-local does unless told otherwise', () => {
    expect([requestOf({}).dataDir, requestOf({ ipam: { type: 'host-local', dataDir: '' } }).dataDir]).toEqual([
      '/var/lib/cni/networks',
      '/var/lib/cni/networks',
    ]);
  });
});

describe('a network configuration list', () => {
  const plugins = [{ type: 'trestle' }, { type: 'portmap' }];

  test('is refused, and the error says what to hand over', () => {
    const fault = faultOf(() => requestOf({ cniVersion: '1.0.0', plugins }));
    expect([fault.kind, fault.message]).toEqual([
      'config',
      'cannot use the configuration: it is a network configuration list, for it has "plugins"',
    ]);
    expect(fault.details).toContain('one entry of "plugins", with "name" and "cniVersion" of the list');
  });

  test('is none where a type is beside it', () => {
    expect(requestOf({ type: 'trestle', plugins }).network).toBe('pods');
  });
});

describe('what cannot be used is named', () => {
  test.each([
    [{ name: undefined }, 'cannot use the configuration: name is missing'],
    [{ name: '' }, 'the configuration\'s "name" is malformed: the string ""'],
    [{ name: '../etc' }, 'the configuration\'s "name" is malformed: the string "../etc"'],
    [{ name: 'x'.repeat(300) }, 'the configuration\'s "name" is 300 characters long'],
    [{ name: 7 }, 'cannot use the configuration: name: expected a string, found 7'],
    [{ isGateway: 'yes' }, 'cannot use the configuration: isGateway: expected true or false, found the string "yes"'],
    [{ mtu: '1400' }, 'cannot use the configuration: mtu: expected a number, found the string "1400"'],
    [{ mtu: 1400.5 }, 'cannot use the configuration: mtu: expected a whole number, found 1400.5'],
    [{ mtu: -1 }, 'cannot use the configuration: mtu: must be at least 0, found -1'],
    [{ mtu: 65536 }, 'cannot use the configuration: mtu: must be at most 65535, found 65536'],
    [{ vlan: 4095 }, 'cannot use the configuration: vlan: must be at most 4094, found 4095'],
    [{ ipam: [] }, 'cannot use the configuration: ipam: expected an object, found a list'],
    [{ dns: { search: 'x' } }, 'cannot use the configuration: dns.search: expected a list, found the string "x"'],
    [
      { ipam: { type: 'trestle-ipam', ranges: [[{ subnet: '10.1.0.0' }]] } },
      'cannot use the configuration: ipam.ranges[0][0].subnet: "10.1.0.0" is not an address with a prefix length',
    ],
    [
      { ipam: { type: 'trestle-ipam', routes: [{ dst: '0.0.0.0/0', gw: '10.1' }] } },
      'cannot use the configuration: ipam.routes[0].gw: "10.1" is not an IP address',
    ],
  ])('%j', (config, message) => {
    const fault = faultOf(() => requestOf(config));
    expect(fault.kind).toBe('config');
    expect(fault.message).toStartWith(message);
  });

  test('all of it at once', () => {
    const { message } = faultOf(() => requestOf({ isGateway: 1, bridge: 2, mtu: 'x' }));
    for (const key of ['isGateway', 'bridge', 'mtu']) expect(message).toContain(`${key}: expected`);
  });

  test.each([
    ['ADD', '9.9.9'],
    ['CHECK', '0.3.1'],
    ['GC', '1.0.0'],
    ['STATUS', undefined],
  ])('a version that has no %s: %p', (command, cniVersion) => {
    expect(faultOf(() => requestOf({ cniVersion }, { CNI_COMMAND: command })).kind).toBe('version');
  });
});
