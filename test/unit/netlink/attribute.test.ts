import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import * as attribute from '../../../src/netlink/attribute.ts';
import { Truncated } from '../../../src/netlink/bytes.ts';
import { encodeMessages } from '../../../src/netlink/message.ts';

const { decodeAttributes, findAttribute, listAttributes } = attribute;

/** The attributes of a message that has nothing else. */
function encode(...attributes: attribute.Attribute[]): Uint8Array {
  return encodeMessages([{ type: 0, flags: 0, sequence: 0, header: of(), attributes }]).subarray(16);
}

const of = (...bytes: number[]) => Uint8Array.from(bytes);

describe('an attribute', () => {
  test.each([
    ['u8', attribute.attrU8(1, 0x12), of(5, 0, 1, 0, 0x12, 0, 0, 0)],
    ['u16', attribute.attrU16(2, 0x1234), of(6, 0, 2, 0, 0x34, 0x12, 0, 0)],
    ['u32', attribute.attrU32(3, 0x89abcdef), of(8, 0, 3, 0, 0xef, 0xcd, 0xab, 0x89)],
    ['u32 big-endian', attribute.attrU32be(4, 0x89abcdef), of(8, 0, 4, 0, 0x89, 0xab, 0xcd, 0xef)],
    ['text', attribute.attrText(5, 'lo'), of(7, 0, 5, 0, 0x6c, 0x6f, 0, 0)],
    ['bytes', attribute.attrBytes(6, of(1, 2, 3, 4, 5)), of(9, 0, 6, 0, 1, 2, 3, 4, 5, 0, 0, 0)],
    ['nothing', attribute.attrBytes(7, of()), of(4, 0, 7, 0)],
    ['empty nest', attribute.attrNest(8), of(4, 0, 8, 0x80)],
    ['nest', attribute.attrNest(9, attribute.attrU8(1, 1)), of(12, 0, 9, 0x80, 5, 0, 1, 0, 1, 0, 0, 0)],
  ])('%s: length without padding, type, payload, padding', (_, given, expected) => {
    expect(encode(given)).toEqual(expected);
  });

  test('follows the one before it', () => {
    expect(encode(attribute.attrU8(1, 1), attribute.attrText(2, 'x'))).toEqual(
      of(5, 0, 1, 0, 1, 0, 0, 0, 6, 0, 2, 0, 0x78, 0, 0, 0),
    );
  });
});

describe('decoding', () => {
  test('takes the flag bits off the type', () => {
    const bytes = of(4, 0, 9, 0x80, 4, 0, 3, 0x40);
    expect(listAttributes(bytes).map(({ type }) => type)).toEqual([9, 3]);
    expect([9, 3, 4].map((type) => decodeAttributes(bytes).has(type))).toEqual([true, true, false]);
  });

  test('keeps all of a list, in a map the last of a type, and finds the first', () => {
    const bytes = encode(attribute.attrU8(1, 1), attribute.attrU8(2, 2), attribute.attrU8(1, 3));
    expect(listAttributes(bytes)).toEqual([
      { type: 1, payload: of(1) },
      { type: 2, payload: of(2) },
      { type: 1, payload: of(3) },
    ]);
    expect(decodeAttributes(bytes).get(1)).toEqual(of(3));
    expect([1, 2, 3].map((type) => findAttribute(bytes, type))).toEqual([of(1), of(2), undefined]);
  });

  test('does with the last one not being padded, and with padding behind it', () => {
    expect(decodeAttributes(of(5, 0, 1, 0, 7)).get(1)).toEqual(of(7));
    expect(decodeAttributes(of(4, 0, 1, 0, 0, 0)).get(1)).toEqual(of());
  });

  test.each([
    ['a length beyond the end', of(9, 0, 1, 0, 1, 2, 3, 4)],
    ['a length beyond the end of what follows', of(4, 0, 1, 0, 5, 0, 2, 0)],
    ['a length smaller than its header', of(3, 0, 1, 0)],
    ['no length', of(0, 0, 0, 0)],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeAttributes(bytes)).toThrow(Truncated);
    expect(() => listAttributes(bytes)).toThrow(Truncated);
    expect(() => findAttribute(bytes, 7)).toThrow(Truncated);
  });

  test('looks at its own bytes only, where they are part of a larger buffer', () => {
    const larger = of(0xff, 0xff, 5, 0, 1, 0, 7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff);
    expect(decodeAttributes(larger.subarray(2, 10)).get(1)).toEqual(of(7));
    expect(() => decodeAttributes(larger.subarray(2, 6))).toThrow(Truncated);
  });
});

describe('a value', () => {
  const found = decodeAttributes(
    encode(
      attribute.attrText(1, 'veth'),
      attribute.attrU32(2, 0xffffffff),
      attribute.attrU8(3, 1),
      attribute.attrU8(4, 0),
      attribute.attrNest(5, attribute.attrU32(2, 7)),
      attribute.attrBytes(6, of(1)),
    ),
  );

  test('is found by type, or is not there', () => {
    expect([attribute.textAt(found, 1), attribute.textAt(found, 99)]).toEqual(['veth', undefined]);
    expect([attribute.u32At(found, 2), attribute.u32At(found, 99)]).toEqual([0xffffffff, undefined]);
    expect([3, 4, 99].map((type) => attribute.flagAt(found, type))).toEqual([true, false, false]);
    expect(attribute.u32At(attribute.nested(found, 5), 2)).toBe(7);
    expect([attribute.nested(found, 99).get(2), attribute.nested(found, 99).has(2)]).toEqual([undefined, false]);
  });

  test('that is shorter than it must be is refused', () => {
    expect(() => attribute.u32At(found, 6)).toThrow(Truncated);
    expect(() => attribute.flagAt(new Map([[1, of()]]), 1)).toThrow(Truncated);
    expect(() => attribute.nested(new Map([[1, of(9, 0, 1, 0)]]), 1)).toThrow(Truncated);
  });
});

/** What an attribute says, whatever form it was given in. */
type Plain = readonly [type: number, value: string | readonly Plain[]];

const { leaf, tree } = fc.letrec<{ leaf: attribute.Attribute; tree: attribute.Attribute }>((tie) => {
  const type = fc.integer({ min: 0, max: 0x3fff });
  const u32 = fc.integer({ min: 0, max: 0xffffffff });
  return {
    leaf: fc.oneof(
      fc.tuple(type, fc.uint8Array({ maxLength: 300 })).map(([t, value]) => attribute.attrBytes(t, value)),
      fc.tuple(type, fc.integer({ min: 0, max: 0xff })).map(([t, value]) => attribute.attrU8(t, value)),
      fc.tuple(type, fc.integer({ min: 0, max: 0xffff })).map(([t, value]) => attribute.attrU16(t, value)),
      fc.tuple(type, u32).map(([t, value]) => attribute.attrU32(t, value)),
      fc.tuple(type, u32).map(([t, value]) => attribute.attrU32be(t, value)),
    ),
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      tie('leaf'),
      fc.tuple(type, fc.array(tie('tree'), { maxLength: 4 })).map(([t, list]) => attribute.attrNest(t, ...list)),
    ),
  };
});

test('what is encoded is decoded as it was, however deep', () => {
  fc.assert(
    fc.property(fc.array(tree, { maxLength: 6 }), (attributes) => {
      expect(decodeLike(encode(...attributes), attributes)).toEqual(attributes.map(plain));
    }),
    { numRuns: 500 },
  );
});

test('any bytes are attributes or refused, and never read twice', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        const size = listAttributes(bytes).reduce((sum, { payload }) => sum + 4 + payload.length, 0);
        expect(size).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(Truncated);
      }
    }),
    { numRuns: 2000 },
  );
});

test('any prefix of encoded attributes is a shorter list or refused', () => {
  fc.assert(
    fc.property(
      fc.array(leaf, { minLength: 1, maxLength: 5 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (list, part) => {
        const bytes = encode(...list);
        try {
          const found = listAttributes(bytes.subarray(0, Math.floor(part * bytes.length)));
          expect(found.map(({ type }) => type)).toEqual(list.slice(0, found.length).map(({ type }) => type));
        } catch (error) {
          expect(error).toBeInstanceOf(Truncated);
        }
      },
    ),
    { numRuns: 500 },
  );
});

function plain(given: attribute.Attribute): Plain {
  if (Array.isArray(given.value)) return [given.type, given.value.map(plain)];
  if (given.value instanceof Uint8Array) return [given.type, Buffer.from(given.value).toString('hex')];
  const { width, value, bigEndian } = given as { width: number; value: number; bigEndian?: true };
  const hex = value.toString(16).padStart(2 * width, '0');
  return [given.type, bigEndian ? hex : Buffer.from(hex, 'hex').reverse().toString('hex')];
}

/** Bytes do not say what holds attributes; the originals do. */
function decodeLike(bytes: Uint8Array, like: readonly attribute.Attribute[]): Plain[] {
  return listAttributes(bytes).map(({ type, payload }, at) => {
    const original = like[at]?.value;
    if (!Array.isArray(original)) return [type, Buffer.from(payload).toString('hex')];
    return [type, decodeLike(payload, original)];
  });
}
