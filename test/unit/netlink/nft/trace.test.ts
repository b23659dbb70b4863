/** Traces of nf_tables, and the text of rules. */

import { describe, expect, test } from 'bun:test';
import { createOutput, putAttributes, sizeOfAttributes } from '../../../../src/netlink/attribute.ts';
import { cString } from '../../../../src/netlink/bytes.ts';
import * as nft from '../../../../src/netlink/nft/constants.ts';
import { decodeExpression, type Expression, encodeExpression } from '../../../../src/netlink/nft/expression.ts';
import * as steps from '../../../../src/netlink/nft/steps.ts';
import { createOwnedTable } from '../../../../src/netlink/nft/table.ts';
import { ruleText, verdictText } from '../../../../src/netlink/nft/text.ts';
import { decodeTrace, isDrop } from '../../../../src/netlink/nft/trace.ts';
import { bytesOf, messageOf, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const of = (...bytes: number[]) => Uint8Array.from(bytes);

describe('the events of a packet', () => {
  test('the first of a chain has interface and headers', () => {
    const event = decodeTrace(messageOf('trace', 'first'));
    expect(event).toMatchObject({ table: { family: 2, name: 't' }, chain: 'c', type: 'rule', output: 2 });
    expect(event?.verdict).toEqual({ code: nft.NFT_CONTINUE, chain: undefined });
    expect([event?.headers?.protocol, event?.headers?.network.length, event?.headers?.transport[0]]).toEqual([
      2, 20, 8,
    ]);
  });

  test('the rule that drops has its handle and its verdict', () => {
    const event = decodeTrace(messageOf('trace', 'rule'));
    expect(event?.handle).toEqual(of(0, 0, 0, 0, 0, 0, 0, 4));
    expect([event?.id, event?.headers]).toEqual([decodeTrace(messageOf('trace', 'first'))?.id, undefined]);
    expect(event && isDrop(event.verdict)).toBe(true);
  });

  test('another message is none', () => {
    expect(decodeTrace({ ...messageOf('trace', 'rule'), type: 0x0a06 })).toBeUndefined();
  });

  describe('decoding stands', () => {
    const { type, payload } = messageOf('trace', 'first');
    testHardiness((bytes) => decodeTrace({ type, flags: 0, sequence: 0, payload: bytes }), payload.slice(), 4);
  });
});

test.each([
  [0, true],
  [0x0001_0000, true],
  [1, false],
  [3, false],
  [nft.NFT_CONTINUE, false],
  [nft.NFT_JUMP, false],
])('the verdict %d ends the packet: %p', (code, drops) => {
  expect(isDrop({ code, chain: undefined })).toBe(drops);
});

test('an owned table has the flag', () => {
  expect(sentFor(createOwnedTable({ family: 1, name: 't' }))).toEqual(bytesOf('trace', 'ask: owned table'));
});

test('switching the trace on is read back as it was sent', () => {
  for (const one of steps.traceOn()) {
    const attribute = encodeExpression(one);
    const output = createOutput(sizeOfAttributes([attribute]));
    putAttributes(output, 0, [attribute]);
    expect(decodeExpression(output.bytes.subarray(4))).toEqual(one);
  }
});

const ADDRESS: Expression[] = [
  steps.loadNetworkHeader(16, 4),
  ...steps.differsUnder(of(255, 255, 0, 0), of(10, 1, 0, 0)),
];

test.each<[string, Expression[], boolean]>([
  ['iifname "cni0" counter accept', [...steps.matchInterface('in', 'cni0'), steps.counter(), steps.accept()], true],
  [
    'oifname "veth*" drop',
    [...steps.matchMeta(nft.NFT_META_OIFNAME, cString('veth').subarray(0, 4)), steps.drop()],
    true,
  ],
  ['ip daddr != 10.1.0.0/16 jump there', [...ADDRESS, steps.jumpTo('there')], true],
  ['ip saddr 10.1.0.0/16', steps.matchNetworkHeader(12, of(10, 1)), true],
  [
    'meta l4proto tcp th dport 443 drop',
    [...steps.matchMeta(16, of(6)), ...steps.matchTransportHeader(2, of(1, 187)), steps.drop()],
    true,
  ],
  ['ether type arp drop', [...steps.matchMeta(1, of(8, 6)), steps.drop()], true],
  ['ip saddr != @own drop', [steps.loadNetworkHeader(12, 4), steps.lookupNotIn('own'), steps.drop()], true],
  ['fib … drop', [{ name: 'unknown', kind: 'fib' }, steps.drop()], false],
  ['-m comment --comment "why" drop', [steps.matchExtension('comment', 0, cString('why')), steps.drop()], true],
  ['-j REJECT …', [{ name: 'target', extension: 'REJECT', revision: 0, info: of(3, 0, 0, 0) }], false],
])('%s', (text, expressions, isWhole) => {
  expect(ruleText(expressions)).toEqual({ text, isWhole });
});

test('verdicts have the names of nft', () => {
  const names = [0, 1, nft.NFT_RETURN, nft.NFT_CONTINUE].map((code) => verdictText({ code, chain: undefined }));
  expect(names).toEqual(['drop', 'accept', 'return', 'continue']);
  expect(verdictText({ code: nft.NFT_GOTO, chain: 'there' })).toBe('goto there');
});
