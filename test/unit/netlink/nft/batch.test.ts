import { describe, expect, test } from 'bun:test';
import { attrText } from '../../../../src/netlink/attribute.ts';
import { concat } from '../../../../src/netlink/bytes.ts';
import { connect } from '../../../../src/netlink/connection.ts';
import { decodeMessages, type Message } from '../../../../src/netlink/message.ts';
import { attrComment, commit, decodeComment, nftBody, nftRequest, query } from '../../../../src/netlink/nft/batch.ts';
import { ensureChain, ensureTable } from '../../../../src/netlink/nft/table.ts';
import { acknowledgeAll, fakeKernel } from '../fake-kernel.ts';
import { bytesOf, headerIn, messageOf, saidIn, sentFor } from '../fixture.ts';

const TABLE = { family: 1, name: 'trestle' };
const CHAIN = { table: TABLE, name: 'postrouting', type: 'nat', hook: 4, priority: 100 } as const;

test('a transaction stands between the ends that nft sends', () => {
  const kernel = fakeKernel((messages) => acknowledgeAll(messages.slice(1, -1)));
  commit(connect(kernel), [ensureTable(TABLE)]);
  const sent = kernel.datagrams[0] as Uint8Array;
  const [begin, end] = [bytesOf('nft-batch', 'begin, by nft'), bytesOf('nft-batch', 'end, by nft')];
  expect(decodeMessages(sent).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  expect(numbered(sent, 1)).toEqual(concat([begin, bytesOf('nft-batch', 'table'), end]));
});

test('a transaction that is made for one generation of the ruleset says which', () => {
  const kernel = fakeKernel((messages) => acknowledgeAll(messages.slice(1, -1)));
  commit(connect(kernel), [ensureTable(TABLE)], 0x102);
  const [begin] = decodeMessages(kernel.datagrams[0] as Uint8Array);
  expect(begin?.payload).toEqual(Uint8Array.of(0, 0, 0, 10, 8, 0, 1, 0, 0, 0, 1, 2));
});

test('a message is of nftables, has its family, and asks what it is to ask', () => {
  const request = nftRequest({
    operation: 'do a',
    message: 10,
    flags: 0x300,
    family: 2,
    attributes: [attrText(1, 'x')],
  });
  const [sent] = decodeMessages(sentFor(request));
  expect([sent?.type, sent?.flags]).toEqual([0x0a0a, 0x305]);
  expect(sent?.payload).toEqual(Uint8Array.of(2, 0, 0, 0, 6, 0, 1, 0, 0x78, 0, 0, 0));
});

test('an answer’s attributes stand behind its header', () => {
  const kernel = fakeKernel((messages) => [bytesOf('nft-set-replies', 'one element'), ...acknowledgeAll(messages)]);
  const request = nftRequest({ operation: 'do a', message: 13, flags: 0, family: 1, attributes: [] });
  const [reply] = query(connect(kernel), request);
  const body = nftBody(reply as Message);
  expect(body).toEqual(messageOf('nft-set-replies', 'one element').payload.subarray(4));
  expect([...body.subarray(0, 4)]).toEqual([12, 0, 1, 0]);
});

test('a question that is not answered has no answers', () => {
  const request = nftRequest({ operation: 'do a', message: 10, flags: 0x300, family: 1, attributes: [] });
  expect(query(connect(fakeKernel(acknowledgeAll)), request)).toEqual([]);
});

describe('the bytes of', () => {
  test.each([
    ['table', ensureTable(TABLE)],
    ['chain', ensureChain(CHAIN)],
  ])('%s, which says the same as nft', (section, request) => {
    expect(sentFor(request)).toEqual(bytesOf('nft-batch', section));
    expect(saidIn('nft-batch', section)).toEqual(saidIn('nft-batch', `${section}, by nft`, ['NFTA_TABLE_FLAGS']));
    expect(headerIn('nft-batch', section)).toBe(headerIn('nft-batch', `${section}, by nft`));
  });

  test('a chain of another place', () => {
    const chain = ensureChain({ ...CHAIN, name: 'forward', type: 'filter', hook: 2, priority: -10 });
    const sent = Buffer.from(sentFor(chain)).toString('hex');
    expect(sent).toContain('0800010000000002' + '08000200fffffff6');
    expect(sent).toContain(Buffer.from('filter\0').toString('hex'));
  });
});

describe('a comment', () => {
  const payloadOf = (text: string) => attrComment(6, 0, text).value as Uint8Array;

  test('is one entry of user data: type, length with its NUL, text', () => {
    expect(attrComment(6, 3, 'ab')).toEqual({ type: 6, value: Uint8Array.of(3, 3, 0x61, 0x62, 0) });
  });

  test('is found among other entries', () => {
    const data = Uint8Array.of(5, 1, 0x78, 0, 3, 0x61, 0x62, 0, 7, 0);
    expect([decodeComment(data, 0), decodeComment(data, 5), decodeComment(data, 7)]).toEqual(['ab', 'x', '']);
    expect([decodeComment(data, 9), decodeComment(undefined, 0), decodeComment(new Uint8Array(), 0)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('with a length beyond the end is what there is of it', () => {
    expect(decodeComment(Uint8Array.of(0, 200, 0x61), 0)).toBe('a');
    expect(decodeComment(Uint8Array.of(0), 0)).toBeUndefined();
  });

  test.each([1, 100, 128])('of %d bytes is read as it was written', (length) => {
    const text = 'x'.repeat(length);
    expect(decodeComment(payloadOf(text), 0)).toBe(text);
  });

  test.each(['x'.repeat(129), 'ü'.repeat(65)])('that nft would not read back is refused: %s', (text) => {
    expect(() => payloadOf(text)).toThrow(RangeError);
  });
});

/** The same messages, each with that sequence number. */
function numbered(datagram: Uint8Array, sequence: number): Uint8Array {
  const copy = datagram.slice();
  const view = new DataView(copy.buffer);
  for (let at = 0; at < copy.length; at += view.getUint32(at, true)) view.setUint32(at + 8, sequence, true);
  return copy;
}
