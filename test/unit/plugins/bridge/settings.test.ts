import { describe, expect, test } from 'bun:test';
import { bridgeName, readSettings, type Settings } from '../../../../src/plugins/bridge/settings.ts';
import { faultOf } from '../../../support/fault.ts';
import { requestOf } from './requests.ts';

function settingsOf(config: object): Settings {
  const request = requestOf(config);
  return readSettings(request.config);
}

const DEFAULTS: Settings = {
  bridge: 'cni0',
  isGateway: false,
  isDefaultGateway: false,
  ipMasq: false,
  backend: 'auto',
  forward: 'look',
  mtu: undefined,
  hairpin: false,
  promiscuous: false,
  isolated: false,
  forceAddress: false,
  keepDown: false,
  detectDuplicates: false,
  guarded: false,
  strictness: 'lenient',
  vlans: undefined,
};

test('what is not said is as in the reference', () => {
  expect(settingsOf({})).toEqual(DEFAULTS);
  expect(settingsOf({ bridge: '', mtu: 0, vlan: 0, ipMasqBackend: '', ipam: {} })).toEqual(DEFAULTS);
});

test.each<[object, Partial<Settings>]>([
  [{ bridge: 'br0' }, { bridge: 'br0' }],
  [{ status: 'strict' }, { strictness: 'strict' }],
  [{ isGateway: true }, { isGateway: true, forward: 'auto' }],
  [{ isDefaultGateway: true }, { isGateway: true, isDefaultGateway: true, forward: 'auto' }],
  [
    { isDefaultGateway: true, isGateway: false },
    { isGateway: true, isDefaultGateway: true, forward: 'auto' },
  ],
  [
    { isGateway: true, forward: '' },
    { isGateway: true, forward: 'auto' },
  ],
  [
    { isGateway: true, forward: 'off' },
    { isGateway: true, forward: undefined },
  ],
  [{ forward: 'off' }, { forward: undefined }],
  [{ forward: 'auto' }, { forward: 'auto' }],
  [{ forward: 'open' }, { forward: 'open' }],
  [
    { ipMasq: true, ipMasqBackend: 'nftables' },
    { ipMasq: true, backend: 'nftables' },
  ],
  [{ ipMasqBackend: 'iptables' }, { backend: 'iptables' }],
  [{ macspoofchk: true }, { guarded: true }],
  [{ mtu: 1400 }, { mtu: 1400 }],
  [{ hairpinMode: true }, { hairpin: true }],
  [{ enabledad: true }, { detectDuplicates: true }],
  [{ promiscMode: true }, { promiscuous: true }],
  [{ portIsolation: true }, { isolated: true }],
  [{ forceAddress: true }, { forceAddress: true }],
  [{ disableContainerInterface: true }, { keepDown: true }],
  [{ preserveDefaultVlan: true }, {}],
  [{ ipam: { type: 'host-local' } }, {}],
  [{ ipam: { type: 'trestle-ipam' } }, {}],
])('%j', (config, changes) => {
  expect(settingsOf(config)).toEqual({ ...DEFAULTS, ...changes });
});

describe('what excludes each other', () => {
  test('hairpinMode and promiscMode', () => {
    const fault = faultOf(() => settingsOf({ hairpinMode: true, promiscMode: true }));
    expect(fault.kind).toBe('config');
    expect(fault.message).toContain('hairpinMode and promiscMode exclude each other');
    expect(settingsOf({ hairpinMode: true, promiscMode: false }).hairpin).toBe(true);
  });

  test.each(['host-local', 'static'])('disableContainerInterface and ipam, whoever does it: %s', (type) => {
    const fault = faultOf(() => settingsOf({ disableContainerInterface: true, ipam: { type } }));
    expect(fault.kind).toBe('config');
    expect(fault.message).toContain('disableContainerInterface and ipam exclude each other');
    expect(settingsOf({ disableContainerInterface: true, ipam: {} }).keepDown).toBe(true);
  });
});

test('"forward" that is neither "auto" nor "open" nor "off" is refused', () => {
  const fault = faultOf(() => settingsOf({ forward: 'on' }));
  expect([fault.kind, fault.details]).toEqual(['config', 'It must be "auto", "open" or "off", or be left out.']);
  expect(fault.message).toContain('forward: the string "on" is not known');
});

test('a backend that nobody knows is refused', () => {
  const fault = faultOf(() => settingsOf({ ipMasqBackend: 'pf' }));
  expect(fault.kind).toBe('config');
  expect(fault.message).toContain('ipMasqBackend: the string "pf" is no backend');
});

describe('a bridge’s name', () => {
  test.each(['x'.repeat(16), 'a/b', '..', 'a b', 'br%d'])('%j is refused as the configuration’s fault', (bridge) => {
    const fault = faultOf(() => settingsOf({ bridge }));
    expect(fault.kind).toBe('config');
    expect(fault.message).toStartWith(`the configuration's "bridge" is malformed: the string "${bridge}": `);
  });

  test('can be had alone, by who must not trip over the rest', () => {
    const { config } = requestOf({ bridge: 'br0', ipMasqBackend: 'pf', hairpinMode: true, promiscMode: true });
    expect(bridgeName(config)).toBe('br0');
    expect(bridgeName(requestOf({}).config)).toBe('cni0');
  });
});

/** What is made of the configuration, or that it is not supported. */
