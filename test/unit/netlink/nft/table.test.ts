import { describe, expect, test } from 'bun:test';
import { decodeTable, listTables } from '../../../../src/netlink/nft/table.ts';
import { bytesOf, messageOf, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

test('tables are asked for, of all families', () => {
  expect(sentFor(listTables())).toEqual(bytesOf('nft-table', 'list'));
  expect(listTables().operation).toBe('list the tables of nftables');
});

test('a table has its family and name, and how much is in it', () => {
  expect(decodeTable(messageOf('nft-table', 'filter'))).toEqual({ family: 2, name: 'filter', uses: 1 });
});

describe('decoding stands', () => {
  const { payload } = messageOf('nft-table', 'filter');
  testHardiness((bytes) => decodeTable({ type: 0, flags: 0, sequence: 0, payload: bytes }), payload, 4);
});
