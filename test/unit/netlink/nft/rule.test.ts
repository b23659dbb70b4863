import { describe, expect, test } from 'bun:test';
import { decodeAttributes, listAttributes } from '../../../../src/netlink/attribute.ts';
import { decodeMessages } from '../../../../src/netlink/message.ts';
import * as rules from '../../../../src/netlink/nft/rule.ts';
import * as steps from '../../../../src/netlink/nft/steps.ts';
import { CONNTRACK_REVISION, encodeStateMatch } from '../../../../src/netlink/xt-conntrack.ts';
import { bytesOf, headerIn, messageOf, saidIn, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const TABLE = { family: 1, name: 'trestle' };
const SET = 'masq-pods-10.16.0.0/12';
const SET6 = 'masq-pods-fd00_1__/64';
const of = (...bytes: number[]) => Uint8Array.from(bytes);
const v6 = (...head: number[]) => Uint8Array.from({ length: 16 }, (_, at) => head[at] ?? 0);

/** ip saddr @SET ip daddr != 10.16.0.0/12 ip daddr != 224.0.0.0/4 masquerade */
const RULE = [
  ...steps.matchFamily(2),
  steps.loadNetworkHeader(12, 4),
  steps.lookupIn(SET),
  steps.loadNetworkHeader(16, 4),
  ...steps.differsUnder(of(255, 240, 0, 0), of(10, 16, 0, 0)),
  steps.loadNetworkHeader(16, 4),
  ...steps.differsUnder(of(240, 0, 0, 0), of(224, 0, 0, 0)),
  steps.masquerade(),
];

/** ip6 saddr @SET ip6 daddr != fd00:1::/64 ip6 daddr != ff00::/8 masquerade */
const RULE6 = [
  ...steps.matchFamily(10),
  steps.loadNetworkHeader(8, 16),
  steps.lookupIn(SET6),
  steps.loadNetworkHeader(24, 16),
  ...steps.differsUnder(v6(255, 255, 255, 255, 255, 255, 255, 255), v6(0xfd, 0, 0, 1)),
  steps.loadNetworkHeader(24, 16),
  ...steps.differsUnder(v6(255), v6(255)),
  steps.masquerade(),
];

describe('the bytes of', () => {
  test.each([
    ['nft-rule', 'IPv4', RULE, SET],
    ['nft-rule6', 'IPv6', RULE6, SET6],
  ] as const)('a rule with every expression: %s', (file, section, expressions, comment) => {
    const request = rules.appendRule({ table: TABLE, chain: 'postrouting', expressions, comment });
    expect(sentFor(request)).toEqual(bytesOf(file, section));
    expect(request.operation).toBe(`add the nftables rule "${comment}"`);
  });

  test('removing a rule, which nft does with the same', () => {
    const request = rules.deleteRule({ family: 7, name: 'trestle' }, 'prerouting', of(0, 0, 0, 0, 0, 0, 0, 6));
    expect(sentFor(request)).toEqual(bytesOf('nft-guard', 'delete rule'));
    expect(saidIn('nft-guard', 'delete rule')).toEqual(saidIn('nft-guard', 'delete rule, by nft'));
    expect(request.operation).toBe('remove a rule of the nftables chain prerouting');
  });

  test('asking for rules', () => {
    expect(sentFor(rules.listRules(TABLE, 'postrouting'))).toEqual(bytesOf('nft-rule6', 'list'));
    expect(rules.listRules(TABLE, 'postrouting').operation).toBe('list the nftables chain postrouting');
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
  expect(rules.decodeRuleComment(message)).toBe(comment);
  expect(rules.decodeRuleHandle(message)).toEqual(of(0, 0, 0, 0, 0, 0, 0, handle));
  expect(rules.decodeRule(message)).toMatchObject({ chain: 'postrouting', comment });
});

describe('decoding stands', () => {
  const message = (bytes: Uint8Array) => ({ type: 0, flags: 0, sequence: 0, payload: bytes });
  const { payload } = messageOf('nft-rule6', 'a rule with a comment');
  testHardiness((bytes) => rules.decodeRuleComment(message(bytes)), payload, 4);
  const iptables = messageOf('nft-forward', 'rule 1');
  testHardiness((bytes) => rules.decodeRule(message(bytes)), iptables.payload, 4);
});

describe('our rules in a chain of iptables', () => {
  const FILTER = { family: 2, name: 'filter' };
  const OWN = 'TRESTLE-FWD-cni0';
  const comment = 'trestle cni0';
  const accept = (direction: 'in' | 'out', ...match: ReturnType<typeof steps.matchExtension>[]) =>
    rules.appendRule({
      ...{ table: FILTER, chain: OWN, comment },
      expressions: [...steps.matchInterface(direction, 'cni0'), ...match, steps.counter(), steps.accept()],
    });
  const replies = steps.matchExtension('conntrack', CONNTRACK_REVISION, encodeStateMatch(['RELATED', 'ESTABLISHED']));
  const expressions = [steps.counter(), steps.jumpTo(OWN)];
  const jump = rules.insertRule({ table: FILTER, chain: 'FORWARD', comment, expressions }, of(0, 0, 0, 0, 0, 0, 0, 9));

  test.each([
    ['append accept', accept('in')],
    ['append accept out', accept('out')],
    ['append accept of replies', accept('out', replies)],
    ['insert jump', jump],
    ['flush', rules.flushChain(FILTER, OWN)],
    ['delete rule', rules.deleteRule(FILTER, 'FORWARD', of(0, 0, 0, 0, 0, 0, 0, 7))],
    ['list rules', rules.listTableRules(FILTER)],
  ])('the bytes of a request: %s', (section, request) => {
    expect(sentFor(request)).toEqual(bytesOf('nft-forward', section));
  });

  const OURS = ['NFTA_RULE_HANDLE', 'NFTA_RULE_POSITION', 'NFTA_RULE_USERDATA', 'NFTA_COUNTER_BYTES'];
  const say = (section: string) => saidIn('nft-forward', section, [...OURS, 'NFTA_COUNTER_PACKETS', 'NFTA_EXPR_DATA']);
  test.each([
    ['insert jump', 'rule 0'],
    ['append accept', 'rule 1'],
    ['append accept out', 'rule 2'],
    ['append accept of replies', 'accept of replies, by iptables'],
  ])('%s says what iptables says', (ours, theirs) => expect(say(ours)).toEqual(say(theirs)));
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
