/** Which of the end-to-end tests run on arm64. */

import { expect, test } from 'bun:test';
import { select } from '../../runner/arm64/step.ts';
import { filesOf } from '../../runner/suite.ts';

const ALL = filesOf({ name: 'e2e' });

test('on the usual kernel all but those that try hundreds of inputs; on the one with larger pages the life of a pod', () => {
  const [usual, larger] = select([], false).map(({ files }) => files) as [string[], string[]];
  const names = (files: string[]) => files.map((file) => file.slice('test/e2e/'.length, -'.test.ts'.length));
  const leftOut = names(ALL.filter((file) => !usual.includes(file)));
  expect(leftOut).toEqual(['bad-input', 'bad-names', 'each-key', 'interrupted', 'keys', 'requests']);
  expect(names(larger)).toEqual(['add', 'check', 'del', 'masquerade', 'traffic']);
});

test('all on both, where that is asked for', () => {
  expect(select([], true).map(({ files }) => files)).toEqual([ALL, ALL]);
});

test('those with a word in their path', () => {
  expect(select(['vlan'], false).map(({ files }) => files)).toEqual([['test/e2e/vlan.test.ts']]);
  expect(select(['nothing like it'], false)).toEqual([]);
});
