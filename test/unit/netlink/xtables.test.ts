import { describe, expect, test } from 'bun:test';
import { Truncated } from '../../../src/netlink/bytes.ts';
import { decodeEntries, type LegacyTable } from '../../../src/netlink/xtables.ts';
import { bytesOf } from './fixture.ts';

const table = (family: 4 | 6, entries: Uint8Array): LegacyTable => ({ family, entries, hookEntry: [], underflow: [] });

/** INPUT's policy, the jump and the policy of FORWARD, OUTPUT's policy, then MINE, its rule and its end, the end of all. */
const VERDICTS = (jump: number) => [-2, jump, -1, -2, undefined, -2, -5, undefined];

/** -i cni0 is the only condition. */
const ANY = { input: undefined, output: undefined, source: undefined, destination: undefined, more: false };
const HEADERS = [ANY, ANY, ANY, ANY, ANY, { ...ANY, input: 'cni0' }, ANY, ANY];

describe.each([
  [4, [0, 152, 304, 456, 608, 784, 936, 1088], 784],
  [6, [0, 208, 416, 624, 832, 1064, 1272, 1480], 1064],
] as const)('the entries of IPv%d', (family, offsets, jump) => {
  const entries = bytesOf('xtables', `IPv${family}`);

  test('have places, verdicts, and the names of chains that begin', () => {
    const decoded = decodeEntries(table(family, entries));
    expect(decoded.map(({ offset }) => offset)).toEqual([...offsets]);
    expect(decoded.map(({ verdict }) => verdict)).toEqual(VERDICTS(jump));
    expect(decoded.flatMap(({ heads }) => heads ?? [])).toEqual(['MINE', 'ERROR']);
    expect(decoded.map(({ target }) => target)).toEqual([...Array(4), 'ERROR', ...Array(2), 'ERROR']);
    expect(decoded.map(({ header }) => header)).toEqual(HEADERS);
    expect(decoded.flatMap(({ matches, isGoto }) => [...matches, ...(isGoto ? ['goto'] : [])])).toEqual([]);
  });

  test('that are cut short, or lead nowhere, are refused', () => {
    for (let length = 1; length < entries.length; length += 7) {
      if (offsets.some((offset) => offset === length)) continue;
      expect(() => decodeEntries(table(family, entries.subarray(0, length)))).toThrow(Truncated);
    }
    const still = entries.slice();
    still.fill(0, family === 4 ? 90 : 142, family === 4 ? 92 : 144);
    expect(() => decodeEntries(table(family, still))).toThrow(Truncated);
  });
});
