/** What every decoder must stand: payloads that are cut, that lie about lengths, that have attributes nobody knows. */

import { expect, test } from 'bun:test';
import { concat, Truncated } from '../../../src/netlink/bytes.ts';

/** Tests of one decoder with one good payload, whose attributes begin behind `header` bytes, of which it reads `needed`. */
export function testHardiness(
  decode: (payload: Uint8Array) => unknown,
  payload: Uint8Array,
  header: number,
  needed = 0,
): void {
  const good = decode(payload);

  test('attributes that nobody knows do no harm', () => {
    const unknown = Uint8Array.of(7, 0, 0xff, 0x3f, 1, 2, 3, 0);
    expect(decode(concat([payload, unknown]))).toEqual(good);
    expect(decode(concat([payload.subarray(0, header), unknown, payload.subarray(header)]))).toEqual(good);
  });

  test.each([0, 3, payload.length - header + 1, 0xffff])(
    'an attribute that says it has %d bytes is refused',
    (length) => {
      const lying = payload.slice();
      new DataView(lying.buffer).setUint16(header, length, true);
      expect(() => decode(lying)).toThrow(Truncated);
    },
  );

  test('a payload that is cut anywhere is refused, or lacks what was cut off', () => {
    for (let length = 0; length < payload.length; length++) expectDecodedOrRefused(decode, payload.subarray(0, length));
  });

  test('a header that is cut short of what is read is refused', () => {
    for (let length = 0; length < needed; length++) {
      expect(() => decode(payload.subarray(0, length))).toThrow(Truncated);
    }
  });

  test('any byte may be wrong', () => {
    for (let at = 0; at < payload.length; at++) {
      const wrong = payload.slice();
      wrong[at] = (wrong[at] as number) ^ 0xff;
      expectDecodedOrRefused(decode, wrong);
    }
  });
}

/** RangeError: bytes that are no IP address. */
function expectDecodedOrRefused(decode: (payload: Uint8Array) => unknown, payload: Uint8Array): void {
  try {
    decode(payload);
  } catch (error) {
    if (!(error instanceof Truncated || error instanceof RangeError)) throw error;
  }
}
