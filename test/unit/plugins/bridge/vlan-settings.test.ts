import { describe, expect, test } from 'bun:test';
import { gatewayVlan, readSettings, type VlanSettings } from '../../../../src/plugins/bridge/settings.ts';
import { formatVlans } from '../../../../src/resources/vlan/vlan.ts';
import { faultOf } from '../../../support/fault.ts';
import { requestOf } from './requests.ts';

function vlansOf(config: object): VlanSettings | undefined {
  const request = requestOf(config);
  return readSettings(request.config).vlans;
}

test.each<[object, string]>([
  [{ vlan: 100 }, '100 (PVID, untagged)'],
  [{ vlan: 4094 }, '4094 (PVID, untagged)'],
  [{ vlanTrunk: [{ id: 101 }, { minID: 200, maxID: 210 }] }, '1 (PVID, untagged), 101, 200-210'],
  [{ vlanTrunk: [{ minID: 1, maxID: 4094 }] }, '1 (PVID, untagged), 2-4094'],
  [{ vlanTrunk: [{ id: 102, minID: 99, maxID: 101 }, { id: 100 }] }, '1 (PVID, untagged), 99-102'],
  [{ vlanTrunk: [{ minID: 7, maxID: 7 }, {}] }, '1 (PVID, untagged), 7'],
  [{ vlan: 100, vlanTrunk: [{ minID: 99, maxID: 101 }] }, '99, 100 (PVID, untagged), 101'],
  [{ vlan: 0, vlanTrunk: [{ id: 5 }] }, '1 (PVID, untagged), 5'],
  [{ vlanTrunk: [] }, 'none'],
  [{ vlanTrunk: [{}] }, 'none'],
])('%j puts the port in %s', (config, expected) => {
  const vlans = vlansOf(config);
  expect(formatVlans(vlans?.port.vlans ?? [])).toBe(expected);
  expect(vlans?.port.keepDefault).toBe(false);
  expect(vlansOf({ ...config, preserveDefaultVlan: true })?.port.keepDefault).toBe(true);
});

test.each([{}, { vlan: 0 }, { preserveDefaultVlan: true }, { vlan: 0, preserveDefaultVlan: false }])(
  '%j asks for no VLANs',
  (config) => {
    expect(vlansOf(config)).toBeUndefined();
  },
);

test('only the VLAN of untagged frames has a gateway of its own', () => {
  expect(gatewayVlan(vlansOf({ vlan: 7 }))).toEqual({ vlan: 7, keepDefault: false });
  expect(gatewayVlan(vlansOf({ vlan: 7, preserveDefaultVlan: true }))).toEqual({
    vlan: 7,
    keepDefault: true,
  });
  expect(gatewayVlan(vlansOf({ vlanTrunk: [{ id: 7 }] }))).toBeUndefined();
  expect(gatewayVlan(undefined)).toBeUndefined();
});

describe('refused as the configuration’s fault is', () => {
  test.each<[object, string, string]>([
    [{ vlanTrunk: [{ minID: 5 }] }, 'vlanTrunk[0]: minID is there, and maxID is missing', '"id"'],
    [{ vlanTrunk: [{ id: 1 }, { maxID: 5 }] }, 'vlanTrunk[1]: maxID is there, and minID is missing', '"id"'],
    [{ vlanTrunk: [{ minID: 6, maxID: 5 }] }, 'vlanTrunk[0]: minID 6 is greater than maxID 5', 'Exchange'],
    [{ vlanTrunk: [{ id: 0 }] }, 'vlanTrunk[0]: 0 is no VLAN', '4094'],
    [{ vlanTrunk: [{ minID: 0, maxID: 5 }] }, 'vlanTrunk[0]: 0 is no VLAN', '4094'],
    [
      { vlan: 100, isGateway: true, bridge: 'br-development' },
      'br-development is too long for a VLAN',
      'development.100',
    ],
    [{ vlan: 10, isDefaultGateway: true, bridge: 'br-developmen' }, 'is too long for a VLAN with a gateway', '.10,'],
  ])('%j', (config, message, details) => {
    const fault = faultOf(() => vlansOf(config));
    expect([fault.kind, fault.message, fault.details]).toEqual([
      'config',
      expect.stringContaining(message),
      expect.stringContaining(details),
    ]);
  });

  test.each([{ vlan: 4095 }, { vlan: -1 }, { vlan: '5' }, { vlanTrunk: [{ id: 4095 }] }, { vlanTrunk: { id: 1 } }])(
    '%j',
    (config) => {
      expect(faultOf(() => vlansOf(config)).kind).toBe('config');
    },
  );
});

test('a bridge’s name need not leave room for a gateway that is not wanted', () => {
  expect(vlansOf({ vlan: 100, bridge: 'br-development' })?.access).toBe(100);
  expect(vlansOf({ vlan: 100, isGateway: true, bridge: 'br-developm' })?.access).toBe(100);
});
