import { describe, expect, test } from 'bun:test';
import { formatIp, type Ip, ipFromBytes, ipToBytes, parseIp } from '../../../../src/address/ip.ts';
import { decodeMessages, type Message } from '../../../../src/netlink/message.ts';
import * as sets from '../../../../src/netlink/nft/set.ts';
import { bytesOf, headerIn, messageOf, saidIn, sentFor } from '../fixture.ts';
import { testHardiness } from '../hardiness.ts';

const ip = (text: string): sets.Key => ({ bytes: ipToBytes(parseIp(text) as Ip), text });
const TABLE = { family: 1, name: 'trestle' };
const V4: sets.NftSet = { table: TABLE, name: 'masq-pods-10.16.0.0/12', keyType: 7, keyLength: 4 };
const V6: sets.NftSet = { table: TABLE, name: 'masq-pods-fd00_1__/64', keyType: 8, keyLength: 16 };
const OWNER = 'pods/abc/eth0';
const HEADER = 4;

describe('the bytes of', () => {
  test.each([
    ['IPv4 set', sets.ensureSet(V4, 1)],
    ['IPv6 set', sets.ensureSet(V6, 1)],
    ['add IPv4', sets.addElement(V4, ip('10.16.0.2'), OWNER)],
    ['add IPv6', sets.addElement(V6, ip('fd00:1::2'), OWNER)],
    ['delete', sets.deleteElement(V4, ip('10.16.0.2'))],
    ['get', sets.getElement(V4, ip('10.16.0.2'))],
    ['list', sets.listElements(V4)],
    ['list sets', sets.listSets(TABLE)],
  ])('%s', (section, request) => {
    expect(sentFor(request)).toEqual(bytesOf('nft-set', section));
  });
});

describe('the same as nft says is said by', () => {
  // It names the set by number too, says that there are no flags, and notes for itself in which byte order a key is.
  const ITS_OWN = ['NFTA_SET_FLAGS', 'NFTA_SET_USERDATA', 'NFTA_SET_ELEM_LIST_SET_ID'];
  test.each(['IPv4 set', 'IPv6 set', 'add IPv4', 'add IPv6', 'delete'])('%s', (section) => {
    expect(saidIn('nft-set', section)).toEqual(saidIn('nft-set', `${section}, by nft`, ITS_OWN));
    expect(headerIn('nft-set', section)).toBe(headerIn('nft-set', `${section}, by nft`));
  });
});

test('removing a set names it by table and name', () => {
  const [sent] = decodeMessages(sentFor(sets.deleteSet({ ...V4, name: 'ports' })));
  expect([sent?.type, sent?.flags]).toEqual([0x0a0b, 5]);
  const said = '\x01\0\0\0\x0c\0\x01\0trestle\0\x0a\0\x02\0ports\0\0\0';
  expect(Buffer.from(sent?.payload ?? []).toString('latin1')).toBe(said);
});

test('one of the elements is looked for, and those behind it are not decoded', () => {
  const seen: unknown[] = [];
  const find = (owner: string | undefined) =>
    sets.someElement(messageOf('nft-set-replies', 'elements'), ({ comment }) => {
      seen.push(comment);
      return comment === owner;
    });
  expect([find(undefined), find(OWNER), find('another')]).toEqual([true, true, false]);
  expect(seen).toEqual([undefined, undefined, OWNER, undefined, OWNER]);
});

test('what must be new is asked for as such, and nothing else', () => {
  const EXCL = 0x200;
  const element = [V4, ip('10.16.0.2'), OWNER] as const;
  const requests = [sets.ensureSet(V4, 1), sets.ensureElement(...element), sets.addElement(...element)];
  expect(requests.map(({ flags }) => flags & EXCL)).toEqual([0, 0, EXCL]);
});

test.each([
  ['IPv4 set', V4.name],
  ['IPv6 set', V6.name],
])('the name of a set: %s', (section, name) => {
  expect(sets.decodeSetName(messageOf('nft-set-replies', section))).toBe(name);
});

test.each([
  ['one element', [['10.16.0.2', OWNER]]],
  [
    'elements',
    [
      ['10.16.0.3', undefined],
      ['10.16.0.2', OWNER],
    ],
  ],
  ['end of elements', []],
  ['IPv6 elements', [['fd00:1::2', OWNER]]],
])('elements of a set: %s', (section, expected) => {
  const found = sets.decodeElements(messageOf('nft-set-replies', section));
  expect(found.map((element) => [formatIp(ipFromBytes(element.key)), element.comment])).toEqual(expected);
});

test('a message without elements has none', () => {
  expect(sets.decodeElements(messageOf('nft-set-replies', 'IPv4 set'))).toEqual([]);
});

describe('decoding elements stands', () => {
  testHardiness(inMessage(sets.decodeElements), messageOf('nft-set-replies', 'elements').payload, HEADER);
});

describe('decoding a set stands', () => {
  testHardiness(inMessage(sets.decodeSetName), messageOf('nft-set-replies', 'IPv4 set').payload, HEADER);
});

test('what is done stands in the operation', () => {
  expect([
    sets.ensureSet(V4, 1).operation,
    sets.addElement(V6, ip('fd00:1::2'), OWNER).operation,
    sets.deleteElement(V4, ip('10.16.0.2')).operation,
    sets.getElement(V4, ip('10.16.0.2')).operation,
    sets.listElements(V4).operation,
  ]).toEqual([
    'create the nftables set masq-pods-10.16.0.0/12',
    'add fd00:1::2 to the nftables set masq-pods-fd00_1__/64',
    'remove 10.16.0.2 from the nftables set masq-pods-10.16.0.0/12',
    'look 10.16.0.2 up in the nftables set masq-pods-10.16.0.0/12',
    'list the nftables set masq-pods-10.16.0.0/12',
  ]);
});

function inMessage<T>(decode: (message: Message) => T): (payload: Uint8Array) => T {
  return (payload) => decode({ type: 0, flags: 0, sequence: 0, payload });
}
