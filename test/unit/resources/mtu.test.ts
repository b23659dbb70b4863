/** What the kernel allows of an MTU, by the families of the addresses. */

import { expect, test } from 'bun:test';
import type { Family } from '../../../src/address/ip.ts';
import { fittingMtu, type Mtu } from '../../../src/resources/bridge/mtu.ts';
import { faultOf } from '../../support/fault.ts';

const fit = (value: number | undefined, from: 'configuration' | 'uplink', ...families: Family[]) =>
  fittingMtu({ value, from }, new Set(families));

test.each([
  [1400, [4, 6], 1400],
  [1200, [4], 1280],
  [1200, [6], 1280],
  [1200, [4, 6], 1280],
  [1200, [], 1280],
  [60, [4], 1280],
  [65_536, [4, 6], 65_535],
] as [number, Family[], number][])('an uplink of %d with IPv%j gives %d', (uplink, families, expected) => {
  expect(fit(uplink, 'uplink', ...families)).toBe(expected);
});

test.each([
  [68, [4]],
  [1280, [6]],
  [1279, [4]],
  [600, []],
  [65_535, [4, 6]],
] as [number, Family[]][])('%d with IPv%j is taken from the configuration as it is', (mtu, families) => {
  expect(fit(mtu, 'configuration', ...families)).toBe(mtu);
});

test.each([
  [1279, [6], 'mtu: 1279 is too small: the kernel has no IPv6 on an interface below 1280'],
  [1000, [4, 6], 'mtu: 1000 is too small: the kernel has no IPv6 on an interface below 1280'],
  [67, [4], 'mtu: 67 is too small: the kernel has no interface below 68'],
  [20, [], 'mtu: 20 is too small: the kernel has no interface below 68'],
] as [number, Family[], string][])('%d with IPv%j is refused in the configuration', (mtu, families, reason) => {
  const fault = faultOf(() => fit(mtu, 'configuration', ...families));
  expect([fault.kind, fault.message]).toEqual(['config', `cannot use the configuration: ${reason}`]);
});

test('a bridge that is too small for IPv6 is refused', () => {
  const bridge: Mtu = { value: 1000, from: 'bridge', bridge: 'br0' };
  expect(fittingMtu(bridge, new Set([4]))).toBe(1000);
  expect(faultOf(() => fittingMtu(bridge, new Set([4, 6])))).toMatchObject({
    kind: 'conflict',
    message: 'cannot use the bridge br0 for IPv6: its MTU is 1000, and IPv6 needs 1280',
  });
});

test('what is not known stays so', () => {
  expect(fit(undefined, 'configuration', 6)).toBeUndefined();
});
