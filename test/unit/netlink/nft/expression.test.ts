/** Expressions both ways, against what nft and iptables send and what the kernel says of it. */

import { describe, expect, test } from 'bun:test';
import {
  attrNest,
  attrText,
  attrU32be,
  createOutput,
  decodeAttributes,
  listAttributes,
  putAttributes,
  sizeOfAttributes,
} from '../../../../src/netlink/attribute.ts';
import * as nft from '../../../../src/netlink/nft/constants.ts';
import { sameExpressions } from '../../../../src/netlink/nft/equality.ts';
import {
  decodeExpression,
  decodeExpressions,
  type Expression,
  encodeExpression,
} from '../../../../src/netlink/nft/expression.ts';
import * as steps from '../../../../src/netlink/nft/steps.ts';
import { isStateMatch } from '../../../../src/netlink/xt-conntrack.ts';
import { messageOf } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const of = (...bytes: number[]) => Uint8Array.from(bytes);
const listOf = (file: string, section: string) =>
  decodeAttributes(messageOf(file, section).payload.subarray(4)).get(nft.NFTA_RULE_EXPRESSIONS) as Uint8Array;
const read = (file: string, section: string) => decodeExpressions(listOf(file, section));

/** The bytes of one expression, from behind its NFTA_LIST_ELEM's header. */
function bytesOfOne(expression: Expression): Uint8Array {
  const attribute = encodeExpression(expression);
  const output = createOutput(sizeOfAttributes([attribute]));
  putAttributes(output, 0, [attribute]);
  return output.bytes.subarray(4);
}

const family = (proto: number) => steps.matchFamily(proto);
const SET = 'masq-pods-10.16.0.0/12';
const MASQUERADE = [
  ...family(2),
  steps.loadNetworkHeader(12, 4),
  steps.lookupIn(SET),
  steps.loadNetworkHeader(16, 4),
  ...steps.differsUnder(of(255, 240, 0, 0), of(10, 16, 0, 0)),
  steps.loadNetworkHeader(16, 4),
  ...steps.differsUnder(of(240, 0, 0, 0), of(224, 0, 0, 0)),
  steps.masquerade(),
];
const GUARD = [
  steps.loadMeta(nft.NFT_META_IIFNAME),
  steps.loadLinkHeader(6, 6, nft.NFT_REG_2),
  steps.lookupNotIn('macs'),
  steps.drop(),
];
const UNTRACKED = [steps.notrack()];

describe('what nft sends is read as we declare it', () => {
  test.each([
    ['nft-rule', 'IPv4, by nft', MASQUERADE],
    ['nft-guard', 'guard rule, by nft', GUARD],
    ['nft-gateway-hop', 'untracked rule, by nft', UNTRACKED],
    ['nft-forward', 'rule 0', [steps.counter(), steps.jumpTo('TRESTLE-FWD-cni0')]],
    ['nft-forward', 'rule 1', [...steps.matchInterface('in', 'cni0'), steps.counter(), steps.accept()]],
  ])('%s, %s', (file, section, declared) => {
    expect(read(file, section)).toEqual(declared as Expression[]);
    expect(sameExpressions(declared, read(file, section))).toBe(true);
  });
});

describe('what we send is what it decodes to, byte for byte', () => {
  test.each([
    ['nft-rule', 'IPv4'],
    ['nft-rule6', 'IPv6'],
    ['nft-guard', 'guard rule'],
    ['nft-guard', 'jump'],
    ['nft-gateway-hop', 'untracked rule'],
    ['nft-gateway-hop', 'jump'],
    ['nft-forward', 'append accept of replies'],
  ])('%s, %s', (file, section) => {
    const list = listAttributes(listOf(file, section));
    expect(list.length).toBeGreaterThan(0);
    for (const { payload } of list) expect(bytesOfOne(decodeExpression(payload))).toEqual(payload.slice());
  });

  const EVERY: Expression[] = [
    { name: 'ct', key: nft.NFT_CT_STATE, register: 1 },
    { name: 'lookup', set: '__map0', source: 1, destination: 0, inverted: false },
    { name: 'target', extension: 'REJECT', revision: 0, info: of(1, 0, 0, 0) },
    { name: 'immediate', register: 0, verdict: { code: nft.NFT_GOTO, chain: 'there' } },
    { name: 'masq', flags: 4 },
    ...(['reject', 'log', 'queue', 'counter', 'notrack'] as const).map((name) => ({ name })),
  ];
  test.each(EVERY.map((one) => [one.name, one] as const))('%s', (_, one) => {
    expect(decodeExpression(bytesOfOne(one))).toEqual(one);
  });
});

test('an expression that is not known here keeps its name, equals nothing, and is not sent', () => {
  const attribute = attrNest(1, attrText(nft.NFTA_EXPR_NAME, 'fib'), attrNest(nft.NFTA_EXPR_DATA, attrU32be(1, 1)));
  const output = createOutput(sizeOfAttributes([attribute]));
  putAttributes(output, 0, [attribute]);
  const fib = decodeExpression(output.bytes.subarray(4));
  expect(fib).toEqual({ name: 'unknown', kind: 'fib' });
  expect(sameExpressions([fib], [fib])).toBe(false);
  expect(() => encodeExpression(fib)).toThrow('the expression fib cannot be encoded');
});

test('rules differ where one step does, in any field', () => {
  const rule = [...MASQUERADE, steps.jumpTo('there')];
  const changed: [number, Expression][] = [
    [0, steps.loadMeta(nft.NFT_META_OIFNAME)],
    [2, steps.loadNetworkHeader(16, 4)],
    [3, steps.lookupNotIn(SET)],
    [5, { ...(rule[5] as Expression & { name: 'bitwise' }), mask: of(255, 255, 0, 0) }],
    [6, { ...(rule[6] as Expression & { name: 'cmp' }), value: of(10, 16, 0) }],
    [10, steps.notrack()],
    [10, { name: 'masq', flags: 4 }],
    [11, steps.jumpTo('elsewhere')],
    [11, steps.accept()],
  ];
  expect(sameExpressions(rule, [...rule])).toBe(true);
  for (const [at, step] of changed) expect(sameExpressions(rule, rule.with(at, step))).toBe(false);
  expect(sameExpressions(rule, rule.slice(0, -1))).toBe(false);
});

test('the states of connections are read from a rule of iptables', () => {
  const [load, comparison, match] = read('nft-forward', 'accept of replies, by iptables');
  expect(steps.interfaceOf(load, comparison)).toEqual({ direction: 'out', name: 'cni0' });
  expect(steps.interfaceOf(comparison, match)).toBeUndefined();
  if (match?.name !== 'match') throw new Error('not a match');
  expect([match.extension, match.revision]).toEqual(['conntrack', 3]);
  expect(isStateMatch(match.info, ['ESTABLISHED', 'RELATED'])).toBe(true);
  expect(isStateMatch(match.info, ['ESTABLISHED'])).toBe(false);
  expect(isStateMatch(match.info, ['ESTABLISHED', 'RELATED', 'DNAT'])).toBe(false);
  const inverted = match.info.slice();
  inverted[148] = 1;
  expect(isStateMatch(inverted, ['ESTABLISHED', 'RELATED'])).toBe(false);
  expect(isStateMatch(new Uint8Array(16), ['ESTABLISHED'])).toBe(false);
});

test('the verdict of a rule is its own, not that of a map, and not a value', () => {
  expect(steps.verdictOf(read('nft-forward', 'rule 0'))).toEqual({ code: nft.NFT_JUMP, chain: 'TRESTLE-FWD-cni0' });
  expect(steps.verdictOf(read('nft-forward', 'rule 1'))).toEqual({ code: nft.NF_ACCEPT, chain: undefined });
  expect(steps.verdictOf([...MASQUERADE, { name: 'immediate', register: 1, verdict: undefined }])).toBeUndefined();
  expect(steps.verdictOf([])).toBeUndefined();
});

describe('decoding stands', () => {
  for (const { payload } of listAttributes(listOf('nft-forward', 'accept of replies, by iptables')))
    testHardiness(decodeExpression, payload.slice(), 0);
});
