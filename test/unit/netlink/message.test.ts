import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { attrBytes, attrText } from '../../../src/netlink/attribute.ts';
import { concat, Truncated } from '../../../src/netlink/bytes.ts';
import { decodeMessages, encodeMessages, type OutgoingMessage } from '../../../src/netlink/message.ts';
import { bytesOf } from './fixture.ts';

const of = (...bytes: number[]) => Uint8Array.from(bytes);
const message = (changes: Partial<OutgoingMessage>): OutgoingMessage => ({
  ...{ type: 0, flags: 0, sequence: 0, header: of(), attributes: [] },
  ...changes,
});

test('a message is its length, type, flags, number, port 0, its header and its attributes', () => {
  const given = message({
    type: 0x1234,
    flags: 0x605,
    sequence: 0x89abcdef,
    header: of(1, 2, 3, 4),
    attributes: [attrText(3, 'lo')],
  });
  expect(encodeMessages([given])).toEqual(
    of(
      28,
      0,
      0,
      0,
      0x34,
      0x12,
      0x05,
      0x06,
      0xef,
      0xcd,
      0xab,
      0x89,
      0,
      0,
      0,
      0,
      1,
      2,
      3,
      4,
      7,
      0,
      3,
      0,
      0x6c,
      0x6f,
      0,
      0,
    ),
  );
});

test('a datagram of the kernel falls into its messages', () => {
  const datagram = concat([
    bytesOf('address', 'IPv4'),
    bytesOf('address', 'IPv6, tentative'),
    bytesOf('verdict', 'end of a dump'),
  ]);
  const found = decodeMessages(datagram).map(({ type, flags, sequence, payload }) => [
    type,
    flags,
    sequence,
    payload.length,
  ]);
  expect(found).toEqual([
    [20, 0x22, 1, 72],
    [20, 0x22, 1, 56],
    [3, 0x22, 1, 4],
  ]);
});

test('what is encoded is decoded as it was', () => {
  const any = fc.record({
    type: fc.integer({ min: 0, max: 0xffff }),
    flags: fc.integer({ min: 0, max: 0xffff }),
    sequence: fc.integer({ min: 0, max: 0xffffffff }),
    payload: fc.uint8Array({ maxLength: 40 }).map((bytes) => bytes.subarray(0, bytes.length & ~3)),
  });
  fc.assert(
    fc.property(fc.array(any, { maxLength: 5 }), (messages) => {
      const outgoing = messages.map(({ payload, ...head }) => ({ ...head, header: payload, attributes: [] }));
      expect(decodeMessages(encodeMessages(outgoing))).toEqual(messages);
    }),
    { numRuns: 300 },
  );
});

describe('decoding', () => {
  const whole = encodeMessages([message({ attributes: [attrBytes(1, of(1, 2, 3, 4))] })]);

  test('keeps to the message’s length; the next one begins at a multiple of four', () => {
    const odd = concat([of(17, 0, 0, 0), new Uint8Array(12), of(7, 0, 0, 0), whole]);
    expect(decodeMessages(odd).map(({ payload }) => payload.length)).toEqual([1, 8]);
  });

  test('does with a last message that is not padded', () => {
    expect(decodeMessages(concat([of(17, 0, 0, 0), new Uint8Array(12), of(7)]))[0]?.payload).toEqual(of(7));
  });

  test.each([0, 1, 15, whole.length + 1, 0xffff])('refuses a length of %d', (length) => {
    const lying = whole.slice();
    new DataView(lying.buffer).setUint32(0, length, true);
    expect(() => decodeMessages(lying)).toThrow(Truncated);
  });

  test('refuses a datagram that was cut', () => {
    expect(() => decodeMessages(whole.subarray(0, whole.length - 1))).toThrow(Truncated);
    expect(decodeMessages(of())).toEqual([]);
  });

  test('of any bytes ends, in messages or a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          decodeMessages(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Truncated);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
