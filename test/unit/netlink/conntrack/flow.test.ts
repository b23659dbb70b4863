/** A connection of connection tracking, both ways. */

import { describe, expect, test } from 'bun:test';
import { formatIp, type Ip, parseIp } from '../../../../src/address/ip.ts';
import { decodeFlow, findFlow } from '../../../../src/netlink/conntrack/flow.ts';
import { bytesOf, payloadOf, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const ip = (text: string) => parseIp(text) as Ip;
const ECHO = { source: ip('203.0.113.2'), destination: ip('203.0.113.1'), protocol: 1, icmp: { id: 6671, type: 8 } };

test('an echo is asked for by its identifier', () => {
  expect(sentFor(findFlow(ECHO))).toEqual(bytesOf('trace', 'ask: flow'));
});

test('both directions are read', () => {
  const flow = decodeFlow({ payload: payloadOf('trace', 'flow') });
  expect(flow?.original).toMatchObject(ECHO);
  expect(flow && [formatIp(flow.reply.source), formatIp(flow.reply.destination)]).toEqual([
    '203.0.113.1',
    '203.0.113.2',
  ]);
  expect([flow?.isAnswered, flow?.reply.icmp?.type, flow?.mark]).toEqual([true, 0, 0]);
});

describe('decoding stands', () => {
  testHardiness((payload) => decodeFlow({ payload }), payloadOf('trace', 'flow').slice(), 4);
});
