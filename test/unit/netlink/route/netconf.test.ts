import { describe, expect, test } from 'bun:test';
import { decodeForwarding, getNetconf } from '../../../../src/netlink/route/netns.ts';
import { bytesOf, payloadOf, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

describe('the parameters of all interfaces', () => {
  test.each([4, 6] as const)('are asked for, IPv%d', (family) => {
    expect(sentFor(getNetconf(family))).toEqual(bytesOf('netconf', `ask, IPv${family}`));
    expect(getNetconf(family).operation).toBe(`ask for the parameters of IPv${family}`);
  });

  test.each([
    [4, 1],
    [6, 0],
  ] as const)('tell of forwarding, IPv%d', (family, forwarding) => {
    expect(decodeForwarding(payloadOf('netconf', `IPv${family}`))).toBe(forwarding);
  });

  test('tell nothing where the kernel says nothing', () => {
    expect(decodeForwarding(payloadOf('netconf', 'IPv4').subarray(0, 4))).toBeUndefined();
  });
});

describe('decoding stands', () => {
  testHardiness(decodeForwarding, payloadOf('netconf', 'IPv4'), 4);
});
