import { describe, expect, test } from 'bun:test';
import { decodeNetnsNumber, getNetns, getNetnsNumber } from '../../../../src/netlink/route/netns.ts';
import { bytesOf, payloadOf, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

test('a namespace is asked for by the number that this one has for it', () => {
  expect(sentFor(getNetns(7))).toEqual(bytesOf('netns-id', 'ask'));
  expect(getNetns(7).operation).toBe('find the network namespace 7');
});

describe('the number of a namespace', () => {
  test('is asked for by its open file', () => {
    expect(sentFor(getNetnsNumber(6))).toEqual(bytesOf('netns-id', 'ask for a number'));
  });

  test('is 0 or more, or there is none', () => {
    expect(decodeNetnsNumber(payloadOf('netns-id', 'number'))).toBe(0);
    expect(decodeNetnsNumber(payloadOf('netns-id', 'no number'))).toBeUndefined();
    expect(decodeNetnsNumber(new Uint8Array(4))).toBeUndefined();
  });

  testHardiness(decodeNetnsNumber, payloadOf('netns-id', 'number'), 4);
});
