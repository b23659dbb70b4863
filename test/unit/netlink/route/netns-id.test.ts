import { expect, test } from 'bun:test';
import { getNetns } from '../../../../src/netlink/route/netns-id.ts';
import { bytesOf, sentFor } from '../fixture.ts';

test('a namespace is asked for by the number that this one has for it', () => {
  expect(sentFor(getNetns(7))).toEqual(bytesOf('netns-id', 'ask'));
  expect(getNetns(7).operation).toBe('find the network namespace 7');
});
