import { describe, expect, test } from 'bun:test';
import { decodePortLook, isAboutLink } from '../../../../src/netlink/route/bridge.ts';
import { RTM_NEWADDR } from '../../../../src/netlink/route/constants.ts';
import { messageOf, payloadOf } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

/** IFLA_BRPORT_STATE of a port that forwards, as in the fixture. */
const FORWARDING = [5, 0, 1, 0, 3];

function portIn(state: number) {
  const payload = Buffer.from(payloadOf('link-port'));
  payload[payload.indexOf(Buffer.from(FORWARDING)) + 4] = state;
  return decodePortLook(payload);
}

test('a port has its index and its state', () => {
  expect(decodePortLook(payloadOf('link-port'))).toEqual({ index: 4, state: 'forwarding' });
  expect([0, 1, 2, 3, 4].map((state) => portIn(state).state)).toEqual([
    'disabled',
    'listening',
    'learning',
    'forwarding',
    'blocking',
  ]);
});

test.each([
  ['link-veth', 5],
  ['link-bridge', 3],
  ['link-lo', 1],
])('a link that is no port has no state: %s', (file, index) => {
  expect(decodePortLook(payloadOf(file))).toEqual({ index, state: undefined });
});

test('a notification is about its link, be it the link’s or the bridge port’s', () => {
  for (const section of ['reply', 'notification']) {
    const message = messageOf('link-port', section);
    expect([4, 3, 0].map((index) => isAboutLink(message, index))).toEqual([true, false, false]);
    expect(isAboutLink({ ...message, type: RTM_NEWADDR }, 4)).toBe(false);
  }
});

describe('a reply about a port', () => {
  testHardiness(decodePortLook, payloadOf('link-port'), 16, 8);
});
