import { describe, expect, test } from 'bun:test';
import { learnsLinkLocal, setLinkLocalLearning } from '../../../../src/netlink/route/bridge.ts';
import { decodeLink } from '../../../../src/netlink/route/link.ts';
import { bytesOf, headerIn, payloadOf, saidIn, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const decodeLinkLocalLearning = (payload: Uint8Array) => learnsLinkLocal(decodeLink(payload));
const SECTION = 'no link-local learning';

test('the bytes are what the kernel was seen to take, and say the same as ip', () => {
  expect(sentFor(setLinkLocalLearning(2, false))).toEqual(bytesOf('link-change', SECTION));
  expect(saidIn('link-change', SECTION)).toEqual(saidIn('link-change', `${SECTION}, by ip`));
  expect(headerIn('link-change', SECTION)).toBe(headerIn('link-change', `${SECTION}, by ip`));
  expect(setLinkLocalLearning(2, false).operation).toBe('stop link-local learning of link 2');
});

test('a bridge learns unless it says that it does not', () => {
  const payload = payloadOf('link-bridge');
  expect(decodeLinkLocalLearning(payload)).toBe(true);
  const stopped = payload.slice();
  const option = Buffer.from(stopped).indexOf(Buffer.from([0x0c, 0, 0x2e, 0]));
  stopped[option + 4] = 1;
  expect(decodeLinkLocalLearning(stopped)).toBe(false);
  expect(decodeLinkLocalLearning(payloadOf('link-veth'))).toBe(true);
});

describe('decoding stands', () => {
  testHardiness(decodeLinkLocalLearning, payloadOf('link-bridge'), 16);
});
