import { describe, expect, test } from 'bun:test';
import * as expression from '../../../../src/netlink/nft/expression.ts';
import { appendRule, insertRule } from '../../../../src/netlink/nft/rule.ts';
import {
  decodeRule,
  type Extension,
  extensionOf,
  interfaceOf,
  listTableRules,
  verdictOf,
} from '../../../../src/netlink/nft/rule-reading.ts';
import { deleteRule, flushChain } from '../../../../src/netlink/nft/rule-removal.ts';
import { CONNTRACK_REVISION, encodeStateMatch, isStateMatch } from '../../../../src/netlink/xt-conntrack.ts';
import { bytesOf, messageOf, saidIn, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const TABLE = { family: 2, name: 'filter' };
const OWN = 'TRESTLE-FWD-cni0';
const read = (section: string) => decodeRule(messageOf('nft-forward', section));

test.each([
  ['rule 0', 'FORWARD', 5, ['counter', 'immediate'], { code: 0xffff_fffd, chain: OWN }],
  ['rule 1', OWN, 3, ['meta', 'cmp', 'counter', 'immediate'], { code: 1, chain: undefined }],
  ['rule 2', OWN, 4, ['meta', 'cmp', 'counter', 'immediate'], { code: 1, chain: undefined }],
])('%s of iptables is read', (section, chain, handle, names, verdict) => {
  const rule = read(section);
  expect([rule.chain, rule.handle.at(-1), rule.expressions.map(({ name }) => name)]).toEqual([chain, handle, names]);
  expect(verdictOf(rule)).toEqual(verdict);
});

test('an interface and the states of connections are read from a rule of iptables', () => {
  const steps = read('accept of replies, by iptables').expressions;
  expect(interfaceOf(steps[0], steps[1])).toEqual({ direction: 'out', name: 'cni0' });
  expect(interfaceOf(steps[1], steps[2])).toBeUndefined();
  const match = extensionOf(steps[2] as (typeof steps)[0]) as Extension;
  expect([match.kind, match.name, match.revision]).toEqual(['match', 'conntrack', 3]);
  expect(isStateMatch(match.info, ['ESTABLISHED', 'RELATED'])).toBe(true);
  expect(isStateMatch(match.info, ['ESTABLISHED'])).toBe(false);
  expect(isStateMatch(match.info, ['ESTABLISHED', 'RELATED', 'DNAT'])).toBe(false);
  const inverted = match.info.slice();
  inverted[148] = 1;
  expect(isStateMatch(inverted, ['ESTABLISHED', 'RELATED'])).toBe(false);
  expect(isStateMatch(new Uint8Array(16), ['ESTABLISHED'])).toBe(false);
  expect(extensionOf(steps[0] as (typeof steps)[0])).toBeUndefined();
});

test('a rule that decides nothing has no verdict', () => {
  const { expressions } = read('rule 1');
  expect(verdictOf({ expressions: expressions.slice(0, 3) })).toBeUndefined();
  expect(verdictOf({ expressions: [] })).toBeUndefined();
});

describe('decoding stands', () => {
  const { payload } = messageOf('nft-forward', 'rule 1');
  const message = (bytes: Uint8Array) => ({ type: 0, flags: 0, sequence: 0, payload: bytes });
  testHardiness((bytes) => verdictOf(decodeRule(message(bytes))), payload, 4);
});

describe('our rules say what those of iptables say', () => {
  const OURS = ['NFTA_RULE_HANDLE', 'NFTA_RULE_POSITION', 'NFTA_RULE_USERDATA', 'NFTA_COUNTER_BYTES'];
  const say = (section: string) => saidIn('nft-forward', section, [...OURS, 'NFTA_COUNTER_PACKETS', 'NFTA_EXPR_DATA']);
  test.each([
    ['insert jump', 'rule 0'],
    ['append accept', 'rule 1'],
    ['append accept out', 'rule 2'],
    ['append accept of replies', 'accept of replies, by iptables'],
  ])('%s', (ours, theirs) => expect(say(ours)).toEqual(say(theirs)));
});

const accept = (direction: 'in' | 'out') =>
  appendRule({
    ...{ table: TABLE, chain: OWN, comment: 'trestle cni0' },
    expressions: [...expression.matchInterface(direction, 'cni0'), expression.counter(), expression.accept()],
  });
const BEFORE = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9);
const jump = insertRule(
  {
    ...{ table: TABLE, chain: 'FORWARD', comment: 'trestle cni0' },
    expressions: [expression.counter(), expression.jumpTo(OWN)],
  },
  BEFORE,
);
const acceptReplies = appendRule({
  ...{ table: TABLE, chain: OWN, comment: 'trestle cni0' },
  expressions: [
    ...expression.matchInterface('out', 'cni0'),
    expression.matchExtension('conntrack', CONNTRACK_REVISION, encodeStateMatch(['RELATED', 'ESTABLISHED'])),
    expression.counter(),
    expression.accept(),
  ],
});

test.each([
  ['append accept', accept('in')],
  ['append accept out', accept('out')],
  ['append accept of replies', acceptReplies],
  ['insert jump', jump],
  ['flush', flushChain(TABLE, OWN)],
  ['delete rule', deleteRule(TABLE, 'FORWARD', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7))],
  ['list rules', listTableRules(TABLE)],
])('the bytes of a request: %s', (section, request) => {
  expect(sentFor(request)).toEqual(bytesOf('nft-forward', section));
});
