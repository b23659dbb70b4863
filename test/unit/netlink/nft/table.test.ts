import { describe, expect, test } from 'bun:test';
import { decodeMessages } from '../../../../src/netlink/message.ts';
import { decodeTable, deleteTable, getTable, listTables } from '../../../../src/netlink/nft/table.ts';
import { bytesOf, messageOf, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

test('tables are asked for, of all families', () => {
  expect(sentFor(listTables())).toEqual(bytesOf('nft-table', 'list'));
  expect(listTables().operation).toBe('list the tables of nftables');
});

test.each([
  ['find', getTable({ family: 7, name: 'trestle' }), 0x0a01],
  ['remove', deleteTable({ family: 7, name: 'trestle' }), 0x0a02],
] as const)('one table is named by family and name: %s', (verb, request, type) => {
  const [sent] = decodeMessages(sentFor(request));
  expect([sent?.type, sent?.flags]).toEqual([type, 5]);
  expect(Buffer.from(sent?.payload ?? []).toString('latin1')).toBe('\x07\0\0\0\x0c\0\x01\0trestle\0');
  expect(request.operation).toBe(`${verb} the nftables table trestle`);
});

test('a table has its family and name, and how much is in it', () => {
  expect(decodeTable(messageOf('nft-table', 'filter'))).toEqual({ family: 2, name: 'filter', uses: 1 });
});

describe('decoding stands', () => {
  const { payload } = messageOf('nft-table', 'filter');
  testHardiness((bytes) => decodeTable({ type: 0, flags: 0, sequence: 0, payload: bytes }), payload, 4);
});
