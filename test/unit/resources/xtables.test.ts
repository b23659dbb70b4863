import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { commentOf, quoted } from '../../../src/resources/iptables/iptables.ts';

test.each([
  ['cni0', '"cni0"'],
  ['-j', '"-j"'],
  ['a"b', '"a\\"b"'],
  ['a\\', '"a\\\\"'],
])('a word of a rule is quoted: %s', (word, text) => {
  expect(quoted(word)).toBe(text);
});

test('a comment is read as it was quoted', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (comment) => {
      expect(commentOf(`-A A -m comment --comment ${quoted(comment)} -j B`)).toBe(comment);
    }),
  );
});

describe('the comment of a rule that iptables saved', () => {
  test.each([
    ['-A A -m comment --comment plain -j B', 'plain'],
    ['-A A -m comment --comment "name: \\"pods\\" id: \\"abc\\"" -j B', 'name: "pods" id: "abc"'],
    ['-A A -s 10.1.0.2/32 -j B', undefined],
  ])('%s', (rule, comment) => {
    expect(commentOf(rule)).toBe(comment);
  });
});
