import { describe, expect, test } from 'bun:test';
import { decodeAttributes, listAttributes } from '../../../../src/netlink/attribute.ts';
import { decodeMessages } from '../../../../src/netlink/message.ts';
import * as expression from '../../../../src/netlink/nft/expression.ts';
import { appendRule, decodeRuleComment, listRules } from '../../../../src/netlink/nft/rule.ts';
import { decodeRuleHandle, deleteRule } from '../../../../src/netlink/nft/rule-removal.ts';
import { bytesOf, headerIn, messageOf, saidIn, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const TABLE = { family: 1, name: 'trestle' };
const SET = 'masq-pods-10.16.0.0/12';
const SET6 = 'masq-pods-fd00_1__/64';
const of = (...bytes: number[]) => Uint8Array.from(bytes);
const v6 = (...head: number[]) => Uint8Array.from({ length: 16 }, (_, at) => head[at] ?? 0);

/** ip saddr @SET ip daddr != 10.16.0.0/12 ip daddr != 224.0.0.0/4 masquerade */
const RULE = [
  ...expression.matchFamily(2),
  expression.loadNetworkHeader(12, 4),
  expression.lookupIn(SET),
  expression.loadNetworkHeader(16, 4),
  expression.maskWith(of(255, 240, 0, 0)),
  expression.differsFrom(of(10, 16, 0, 0)),
  expression.loadNetworkHeader(16, 4),
  expression.maskWith(of(240, 0, 0, 0)),
  expression.differsFrom(of(224, 0, 0, 0)),
  expression.masquerade(),
];

/** ip6 saddr @SET ip6 daddr != fd00:1::/64 ip6 daddr != ff00::/8 masquerade */
const RULE6 = [
  ...expression.matchFamily(10),
  expression.loadNetworkHeader(8, 16),
  expression.lookupIn(SET6),
  expression.loadNetworkHeader(24, 16),
  expression.maskWith(v6(255, 255, 255, 255, 255, 255, 255, 255)),
  expression.differsFrom(v6(0xfd, 0, 0, 1)),
  expression.loadNetworkHeader(24, 16),
  expression.maskWith(v6(255)),
  expression.differsFrom(v6(255)),
  expression.masquerade(),
];

describe('the bytes of', () => {
  test.each([
    ['nft-rule', 'IPv4', RULE, SET],
    ['nft-rule6', 'IPv6', RULE6, SET6],
  ] as const)('a rule with every expression: %s', (file, section, expressions, comment) => {
    const request = appendRule({ table: TABLE, chain: 'postrouting', expressions, comment });
    expect(sentFor(request)).toEqual(bytesOf(file, section));
    expect(request.operation).toBe(`add the nftables rule "${comment}"`);
  });

  test('removing a rule, which nft does with the same', () => {
    const request = deleteRule({ family: 7, name: 'trestle' }, 'prerouting', of(0, 0, 0, 0, 0, 0, 0, 6));
    expect(sentFor(request)).toEqual(bytesOf('nft-guard', 'delete rule'));
    expect(saidIn('nft-guard', 'delete rule')).toEqual(saidIn('nft-guard', 'delete rule, by nft'));
    expect(request.operation).toBe('remove a rule of the nftables chain prerouting');
  });

  test('asking for rules', () => {
    expect(sentFor(listRules(TABLE, 'postrouting'))).toEqual(bytesOf('nft-rule6', 'list'));
    expect(listRules(TABLE, 'postrouting').operation).toBe('list the nftables chain postrouting');
  });
});

describe('as nft has it', () => {
  const RULE_HEAD = ['NFTA_RULE_TABLE', 'NFTA_RULE_CHAIN', 'NFTA_RULE_USERDATA'];

  test('the rule says the same; nft names the set by number too', () => {
    expect(saidIn('nft-rule', 'IPv4')).toEqual(saidIn('nft-rule', 'IPv4, by nft', ['NFTA_LOOKUP_SET_ID']));
    expect(headerIn('nft-rule', 'IPv4')).toBe(headerIn('nft-rule', 'IPv4, by nft'));
    expect(saidIn('nft-rule', 'IPv4', RULE_HEAD).length).toBeGreaterThan(40);
  });

  test('its expressions stand in the same order', () => {
    const order = [
      'meta',
      'cmp',
      'payload',
      'lookup',
      'payload',
      'bitwise',
      'cmp',
      'payload',
      'bitwise',
      'cmp',
      'masq',
    ];
    expect(expressionsIn('nft-rule', 'IPv4')).toEqual(order);
    expect(expressionsIn('nft-rule', 'IPv4, by nft')).toEqual(order);
  });
});

test.each([
  ['a rule with a comment', SET6, 5],
  ['a rule without', undefined, 6],
])('comment and handle of %s', (section, comment, handle) => {
  const message = messageOf('nft-rule6', section);
  expect(decodeRuleComment(message)).toBe(comment);
  expect(decodeRuleHandle(message)).toEqual(of(0, 0, 0, 0, 0, 0, 0, handle));
});

describe('decoding stands', () => {
  const { payload } = messageOf('nft-rule6', 'a rule with a comment');
  testHardiness((bytes) => decodeRuleComment({ type: 0, flags: 0, sequence: 0, payload: bytes }), payload, 4);
});

/** The names of the expressions, in order. */
function expressionsIn(file: string, section: string): string[] {
  const [message] = decodeMessages(bytesOf(file, section));
  const expressions = decodeAttributes(message?.payload.subarray(4) ?? of()).get(4) ?? of();
  return listAttributes(expressions).map(({ payload }) => {
    const name = decodeAttributes(payload).get(1);
    return new TextDecoder().decode(name?.subarray(0, -1));
  });
}
