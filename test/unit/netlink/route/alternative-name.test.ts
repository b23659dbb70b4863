import { describe, expect, test } from 'bun:test';
import { decodeLink } from '../../../../src/netlink/route/link.ts';
import {
  addAlternativeName,
  alternativeNames,
  removeAlternativeName,
} from '../../../../src/netlink/route/link-change.ts';
import { bytesOf, payloadOf, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const namesIn = (payload: Uint8Array) => alternativeNames(decodeLink(payload));

test.each([
  ['alternative name, by ip', addAlternativeName(3, 'trestle.promisc.3')],
  ['no alternative name, by ip', removeAlternativeName(3, 'second.name')],
])('the bytes are those of ip: %s', (section, request) => {
  expect(sentFor(request)).toEqual(bytesOf('link-change', section));
});

test('the names of a link are read back, those of one that has none too', () => {
  expect(namesIn(payloadOf('link-change', 'alternative name, by ip'))).toEqual(['trestle.promisc.3']);
  expect(namesIn(payloadOf('link-bridge'))).toEqual([]);
});

describe('decoding stands', () => {
  testHardiness(namesIn, payloadOf('link-change', 'alternative name, by ip'), 16, 8);
});
