/** Bad input on stdin: one error object with the right code, and nothing changed. */

import { describe, expect, test } from 'bun:test';
import { type Config, e2e, V4 } from './support/network.ts';
import { onQuietNode } from './support/refusal.ts';

const HUGE = 10 * 1024 * 1024;

const NOT_A_CONFIGURATION: [string, string | Uint8Array][] = [
  ['nothing', ''],
  ['white space', ' \n\t\n'],
  ['no JSON', 'cniVersion: 1.1.0'],
  ['half an object', '{"cniVersion":"1.1.0","name":"pods"'],
  ['two objects', '{"cniVersion":"1.1.0","name":"pods"}{}'],
  ['a list', '[{"cniVersion":"1.1.0","name":"pods"}]'],
  ['a string', '"pods"'],
  ['a number', '7'],
  ['true', 'true'],
  ['null', 'null'],
  ['a NUL', '\0'],
  ['bytes that are no text', new Uint8Array([0xff, 0xfe, 0x00, 0x7b])],
  ['10 MB of JSON', JSON.stringify({ cniVersion: '1.1.0', name: 'pods', type: 'trestle', x: 'x'.repeat(HUGE) })],
  ['10 MB of a list', `[${'1,'.repeat(HUGE / 2)}1]`],
  ['10 MB of zeros', new Uint8Array(HUGE)],
  ['lists in lists without end', '['.repeat(1_000_000)],
];

const VERSIONS = ['9.9.9', '1.2.0', '1.1', '0.3', 'v1.0.0', '1.0.0 ', 'latest'];

e2e('on stdin', (artifact) => {
  const { config, refuse } = onQuietNode(artifact);

  for (const [what, stdin] of NOT_A_CONFIGURATION) {
    test(what, () => {
      const error = refuse({ stdin });
      expect(error).toMatchObject({ code: 6, cniVersion: '1.1.0' });
      expect(error.msg).toContain('configuration');
    });
  }

  test('a text that is not JSON: the error has line and column', () => {
    const { code, msg } = refuse({ stdin: '{\n  "cniVersion": "1.1.0"\n  "name": "pods"\n}\n' });
    const reason = 'line 3, column 3: expected "," or "}", found "\\"name\\": \\"pods\\""';
    expect([code, msg]).toEqual([6, `cannot read the configuration: stdin is not JSON: ${reason}`]);
  });

  test('a whole network configuration list', () => {
    const { name, cniVersion, ...plugin } = config();
    const error = refuse({ config: { name, cniVersion, plugins: [plugin] } });
    expect(error).toMatchObject({ code: 7, cniVersion });
    expect(error.msg).toContain('it is a network configuration list');
    expect(error.details).toContain('one entry of "plugins"');
  });

  test.each(VERSIONS)('the unknown cniVersion %j', (cniVersion) => {
    const error = refuse({ config: config({ cniVersion }) });
    expect(error).toMatchObject({ code: 1, cniVersion: '1.1.0' });
    expect(error.msg).toContain(JSON.stringify(cniVersion));
    expect(error.details).toContain('1.1.0');
  });

  test('an object that is nested deeper than anything', () => {
    const deep = `${'{"x":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    const stdin = JSON.stringify({ ...config(), cniVersion: '9.9.9' }).replace(/}$/, `,"deep":${deep}}`);
    expect([1, 6]).toContain(refuse({ stdin }).code);
  });

  test('an error is in the cniVersion of the configuration', () => {
    for (const cniVersion of ['0.1.0', '0.3.1', '1.0.0']) {
      expect(refuse({ config: config({ cniVersion, mtu: 'x' }) })).toMatchObject({ code: 7, cniVersion });
    }
  });

  test.each(['DEL', 'CHECK', 'GC', 'STATUS'])('%s of no configuration', (command) => {
    expect(refuse({ command, stdin: 'nonsense' }).code).toBe(6);
    expect(refuse({ command, config: { cniVersion: '1.1.0' } }).code).toBe(7);
  });
});

const set = (...ranges: unknown[]) => ({ type: 'trestle-ipam', ranges: [ranges] });

/** The key that is to be named, and what is wrong. */
const WRONG: [string, Config][] = [
  ['name', { name: undefined }],
  ['name', { name: '' }],
  ['name', { name: 7 }],
  ['bridge', { bridge: 7 }],
  ['isGateway', { isGateway: 'yes' }],
  ['isDefaultGateway', { isDefaultGateway: 1 }],
  ['ipMasq', { ipMasq: 'true' }],
  ['ipMasqBackend', { ipMasqBackend: 'pf' }],
  ['hairpinMode', { hairpinMode: {} }],
  ['mtu', { mtu: '1500' }],
  ['mtu', { mtu: 1500.5 }],
  ['mtu', { mtu: -1 }],
  ['mtu', { mtu: 65536 }],
  ['vlan', { vlan: 4095 }],
  ['dns', { dns: 'example.org' }],
  ['dns.nameservers', { dns: { nameservers: '192.0.2.53' } }],
  ['args', { args: [] }],
  ['args.cni.ips', { args: { cni: { ips: 'all' } } }],
  ['runtimeConfig', { runtimeConfig: 'none' }],
  ['runtimeConfig.ips[0]', { runtimeConfig: { ips: ['nowhere'] } }],
  ['runtimeConfig.ipRanges', { runtimeConfig: { ipRanges: {} } }],
  ['ipam', { ipam: 'trestle-ipam' }],
  ['ipam', { ipam: [] }],
  ['ipam.type', { ipam: { type: 7 } }],
  ['ipam.dataDir', { ipam: { ...set({ subnet: V4.subnet }), dataDir: 7 } }],
  ['ipam.routes', { ipam: { ...set({ subnet: V4.subnet }), routes: { dst: '0.0.0.0/0' } } }],
  ['ipam.routes[0].dst', { ipam: { ...set({ subnet: V4.subnet }), routes: [{ gw: V4.gateway }] } }],
  ['ipam.routes[0].dst', { ipam: { ...set({ subnet: V4.subnet }), routes: [{ dst: 'default' }] } }],
  ['ipam.routes[0].gw', { ipam: { ...set({ subnet: V4.subnet }), routes: [{ dst: '0.0.0.0/0', gw: 'here' }] } }],
  ['ipam.ranges', { ipam: { type: 'trestle-ipam', ranges: {} } }],
  ['ipam.ranges[0]', { ipam: { type: 'trestle-ipam', ranges: [[]] } }],
  ['ranges', { ipam: { type: 'trestle-ipam' } }],
  ['ipam.ranges[0][0].subnet', { ipam: set({}) }],
  ['ipam.ranges[0][0].subnet', { ipam: set({ subnet: 7 }) }],
  ['ipam.ranges[0][0].subnet', { ipam: set({ subnet: '10.89.0.0' }) }],
  ['10.89.0.5/24', { ipam: set({ subnet: '10.89.0.5/24' }) }],
  ['10.89.0.0/31', { ipam: set({ subnet: '10.89.0.0/31' }) }],
  ['fd00:89::/127', { ipam: set({ subnet: 'fd00:89::/127' }) }],
  ['10.90.0.5', { ipam: set({ subnet: V4.subnet, rangeStart: '10.90.0.5' }) }],
  ['ipam.ranges[0][0].rangeEnd', { ipam: set({ subnet: V4.subnet, rangeEnd: 'last' }) }],
  ['ipam.ranges[0][1]', { ipam: set({ subnet: V4.subnet }, { subnet: 'fd00:89::/64' }) }],
  ['overlaps', { ipam: set({ subnet: V4.subnet }, { subnet: '10.89.0.128/25' }) }],
];

e2e('a key of the configuration', (artifact) => {
  const { config, refuse } = onQuietNode(artifact);
  describe('is named when its value is wrong', () => {
    for (const [key, extra] of WRONG) {
      test(`${key}: ${JSON.stringify(extra)}`, () => {
        const error = refuse({ config: config(extra) });
        expect(error.code).toBe(7);
        expect(error.msg).toContain(key);
      });
    }
  });

  test('all that are wrong are named at once', () => {
    const error = refuse({ config: config({ mtu: 'x', bridge: 7, isGateway: 'no' }) });
    expect(error.code).toBe(7);
    for (const key of ['mtu', 'bridge', 'isGateway']) expect(error.msg).toContain(key);
  });
});
