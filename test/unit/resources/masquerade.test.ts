/** Masquerading against a kernel that says at every step what it should not. */

import { describe, expect, test } from 'bun:test';
import { type Cidr, parseCidr } from '../../../src/address/cidr.ts';
import { attrU32be } from '../../../src/netlink/attribute.ts';
import { connect } from '../../../src/netlink/connection.ts';
import { KernelError } from '../../../src/netlink/error.ts';
import { type Message, NLM_F_DUMP, type OutgoingMessage } from '../../../src/netlink/message.ts';
import * as nft from '../../../src/netlink/nft/constants.ts';
import { canMasquerade, ensureMasquerade, removeMasquerade } from '../../../src/resources/masquerade/nftables.ts';
import { EAFNOSUPPORT, EEXIST, EINVAL, ENOENT, EOPNOTSUPP, EPERM, ERESTART } from '../../../src/sys/errno.ts';
import { thrownBy } from '../../support/fault.ts';
import { acknowledgeAll, done, type FakeKernel, fakeKernel, verdict } from '../netlink/fake-kernel.ts';
import { bytesOf } from '../netlink/fixture.ts';

const ENTRY = { network: 'pods', address: parseCidr('10.1.0.2/24') as Cidr, owner: 'pods/abc/eth0' };
const ADD = nft.NFT_MSG_NEWSETELEM;
const DELETE = nft.NFT_MSG_DELSETELEM;
const CREATE = nft.NFT_MSG_NEWSET;
const LOOK = nft.NFT_MSG_GETCHAIN;
const CHAIN = nft.NFT_MSG_NEWCHAIN;
const RULE = nft.NFT_MSG_NEWRULE;
const GENERATION = 7;
const QUESTION = [nft.NFT_MSG_GETGEN, LOOK, nft.NFT_MSG_GETSETELEM];
const EVERYTHING = [nft.NFT_MSG_NEWTABLE, CHAIN, CREATE, CHAIN, RULE, RULE, ADD];
interface Kernel extends FakeKernel {
  /** What was asked for, datagram by datagram, without the ends of transactions. */
  asked(): number[][];
}

/**
 * A kernel that answers the transactions one by one with these errnos for the message that matters, then with success;
 * what it says to questions is that there are `use` rules in and to the chain, where there is a chain.
 */
function kernelSaying(errnos: readonly number[], use?: number): Kernel {
  let transaction = 0;
  const kernel = fakeKernel((messages) => {
    if (!isTransaction(messages)) return messages.map((message) => answer(message, use));
    const errno = errnos[transaction++] ?? 0;
    const matters = (message: Message) => [ADD, DELETE, CREATE].includes(message.type & 0xff);
    return messages.slice(1, -1).map((message) => [verdict(message, matters(message) ? errno : 0)]);
  });
  const typesOf = (messages: readonly Message[]) => messages.map(({ type }) => type & 0xff);
  const asked = () =>
    kernel.requests.map((messages) => typesOf(isTransaction(messages) ? messages.slice(1, -1) : messages));
  return Object.defineProperty(kernel as Kernel, 'asked', { value: asked });
}

function answer(message: Message, use: number | undefined): OutgoingMessage[] {
  if ((message.type & 0xff) === nft.NFT_MSG_GETRULE) return [done(message)];
  if ((message.type & 0xff) === nft.NFT_MSG_GETSETELEM && message.flags & NLM_F_DUMP) return [done(message)];
  if ((message.type & 0xff) === nft.NFT_MSG_GETGEN) return [generation(message), verdict(message)];
  if ((message.type & 0xff) !== LOOK) return [verdict(message)];
  if (use === undefined) return [verdict(message, ENOENT)];
  const { sequence } = message;
  const header = new Uint8Array(4);
  const chain = { type: 0xa03, flags: 0, sequence, header, attributes: [attrU32be(nft.NFTA_CHAIN_USE, use)] };
  return [chain, verdict(message)];
}

function generation({ sequence }: Message): OutgoingMessage {
  const attributes = [attrU32be(nft.NFTA_GEN_ID, GENERATION)];
  return { type: 0xa0f, flags: 0, sequence, header: new Uint8Array(4), attributes };
}

function isTransaction([first]: readonly Message[]): boolean {
  return first?.type === nft.NFNL_MSG_BATCH_BEGIN;
}

test('where all is there, one question and one element in one transaction do it', () => {
  const kernel = kernelSaying([], 2);
  expect(ensureMasquerade(connect(kernel), ENTRY)).toBe(true);
  expect(kernel.asked()).toEqual([QUESTION, [ADD]]);
});

test.each([undefined, 0, 1, 3])('rules that are gone, or too many, are noticed (%p of 2 are there)', (use) => {
  expect(ensureMasquerade(connect(kernelSaying([], use)), ENTRY)).toBe(false);
});

test('what is missing is created with the element, in one transaction, for the generation that was looked at', () => {
  const kernel = kernelSaying([]);
  expect(ensureMasquerade(connect(kernel), ENTRY)).toBe(false);
  expect(kernel.asked()).toEqual([QUESTION, EVERYTHING]);
  const [begin] = kernel.requests.at(-1) as readonly Message[];
  expect(begin?.payload).toEqual(Uint8Array.of(0, 0, 0, 10, 8, 0, 1, 0, 0, 0, 0, GENERATION));
});

test('with it are added the elements that live attachments have there, and the anchor; those of other subnets later', () => {
  const kernel = kernelSaying([]);
  const others = ['10.1.0.3/24', '10.1.0.4/24', '10.2.0.5/24'].map((text) => ({
    ...ENTRY,
    address: parseCidr(text) as Cidr,
  }));
  expect(ensureMasquerade(connect(kernel), ENTRY, () => others)).toBe(false);
  expect(kernel.asked().slice(0, 2)).toEqual([QUESTION, [...EVERYTHING, ADD, ADD, ADD]]);
  expect(kernel.asked().at(-1)).toEqual([ADD, ADD]);
});

test('who lives is not asked where all is whole', () => {
  const live = () => {
    throw new Error('asked');
  };
  expect(ensureMasquerade(connect(kernelSaying([], 2)), ENTRY, live)).toBe(true);
});

test.each([ERESTART, EEXIST])(
  'another process may change the ruleset meanwhile (errno %d): it is tried again',
  (errno) => {
    const kernel = kernelSaying([errno]);
    ensureMasquerade(connect(kernel), ENTRY);
    expect(kernel.asked().filter((types) => types.includes(RULE))).toEqual([EVERYTHING, EVERYTHING]);
  },
);

test('it may be flushed between the question and the transaction', () => {
  const kernel = kernelSaying([ENOENT], 2);
  ensureMasquerade(connect(kernel), ENTRY);
  expect(kernel.asked()).toEqual([QUESTION, [ADD], QUESTION, [ADD]]);
});

test.each([0, ENOENT])('an element that is in the way is replaced, though it may go by itself (errno %d)', (errno) => {
  const kernel = kernelSaying([EEXIST, errno], 2);
  ensureMasquerade(connect(kernel), ENTRY);
  // The rules are compared, too: what is made once more may have been found amiss.
  const compared = [nft.NFT_MSG_GETGEN, LOOK, nft.NFT_MSG_GETRULE];
  expect(kernel.asked().slice(0, 6)).toEqual([QUESTION, [ADD], [DELETE], QUESTION, [ADD], compared]);
});

describe('is given up', () => {
  test.each([
    [ENOENT, ENOENT],
    [EEXIST, 0],
  ])('when errno %d never ends', (errno, then) => {
    const kernel = kernelSaying(Array.from({ length: 100 }, () => [errno, then]).flat(), 2);
    const error = thrownBy(() => ensureMasquerade(connect(kernel), ENTRY)) as KernelError;
    expect([error.operation, error.errno]).toEqual(['add 10.1.0.2 to the nftables set masq-pods-10.1.0.0/24', errno]);
    expect(kernel.requests.length).toBeLessThan(65);
  });

  test('when the ruleset is another one each time', () => {
    const kernel = kernelSaying(Array.from({ length: 100 }, () => ERESTART));
    expect(thrownBy(() => ensureMasquerade(connect(kernel), ENTRY))).toMatchObject({ errno: ERESTART });
    expect(kernel.requests.length).toBeLessThan(65);
  });

  test.each([
    ['the element', [EPERM], 2],
    ['the set', [EOPNOTSUPP], undefined],
    ['the removal of what is in the way', [EEXIST, EPERM], 2],
  ])('at once when %s is refused for another reason', (_, errnos, use) => {
    const kernel = kernelSaying(errnos, use);
    expect(thrownBy(() => ensureMasquerade(connect(kernel), ENTRY))).toMatchObject({ errno: errnos.at(-1) });
    expect(kernel.requests.filter(isTransaction)).toHaveLength(errnos.length);
  });
});

test('removing what is not there is no error, and anything else is one', () => {
  const refusing = (errno: number) => fakeKernel((messages) => messages.map((message) => [verdict(message, errno)]));
  expect(removeMasquerade(connect(refusing(ENOENT)), ENTRY)).toBe(false);
  expect(() => removeMasquerade(connect(refusing(EPERM)), ENTRY)).toThrow(KernelError);
});

test('what goes by itself between our look and our doing was not removed by us', () => {
  const entry = { ...ENTRY, address: parseCidr('10.16.0.2/12') as Cidr };
  const kernel = fakeKernel((messages, round) => {
    if (round === 0) return [answering(messages[1] as Message, 'one element'), ...acknowledgeAll(messages)];
    if (isTransaction(messages)) return [[verdict(messages[1] as Message, ENOENT)]];
    const isGeneration = ({ type }: Message) => (type & 0xff) === nft.NFT_MSG_GETGEN;
    return messages.map((one) => (isGeneration(one) ? [generation(one), verdict(one)] : [verdict(one, ENOENT)]));
  });
  expect(removeMasquerade(connect(kernel), entry)).toBe(false);
  const transactions = kernel.requests.filter(isTransaction);
  expect(transactions.map((messages) => messages.map(({ type }) => type & 0xff))[0]).toEqual([
    nft.NFNL_MSG_BATCH_BEGIN,
    DELETE,
    nft.NFNL_MSG_BATCH_END,
  ]);
});

/** A captured reply, as the answer to that request. */
function answering({ sequence }: Message, section: string): Uint8Array {
  const bytes = bytesOf('nft-set-replies', section).slice();
  new DataView(bytes.buffer).setUint32(8, sequence, true);
  return bytes;
}

describe('a kernel', () => {
  /** One in which nothing is, and that refuses the messages of these types in a transaction. */
  const refusing = (errnos: Record<number, number>) =>
    fakeKernel((messages) =>
      isTransaction(messages)
        ? messages.slice(1, -1).map((message) => [verdict(message, errnos[message.type & 0xff] ?? 0)])
        : messages.map((message) => answer(message, undefined)),
    );

  test('can masquerade where it refuses nothing but what it must', () => {
    expect(canMasquerade(connect(refusing({ [DELETE]: ENOENT })))).toBe(true);
  });

  test('can masquerade where it does', () => {
    const kernel = kernelSaying([EPERM], 2);
    expect(canMasquerade(connect(kernel))).toBe(true);
    expect(kernel.asked()).toEqual([[LOOK]]);
  });

  test.each([
    ['NAT for both families', CHAIN, ENOENT],
    ['NAT for both families, as others say it', CHAIN, EOPNOTSUPP],
    ['nft_masq', RULE, ENOENT],
    ['the family', nft.NFT_MSG_NEWTABLE, EAFNOSUPPORT],
    ['nf_tables', nft.NFT_MSG_NEWTABLE, EINVAL],
  ])('cannot without %s', (_, type, errno) => {
    expect(canMasquerade(connect(refusing({ [type]: errno, [DELETE]: ENOENT })))).toBe(false);
  });

  test('cannot without nfnetlink’s part for nf_tables, which answers no question', () => {
    const kernel = fakeKernel((messages) => messages.slice(0, 1).map((message) => [verdict(message, EINVAL)]));
    expect(canMasquerade(connect(kernel))).toBe(false);
  });

  test('that refuses for another reason says nothing about it', () => {
    const kernel = refusing({ [nft.NFT_MSG_NEWTABLE]: EPERM });
    expect(() => canMasquerade(connect(kernel))).toThrow('operation not permitted');
  });

  test('without nft_masq refuses the first address at once', () => {
    const kernel = refusing({ [RULE]: ENOENT });
    const error = thrownBy(() => ensureMasquerade(connect(kernel), ENTRY)) as KernelError;
    expect(error.operation).toBe('add the nftables rule "masq-pods-10.1.0.0/24"');
    expect(kernel.requests.filter(isTransaction)).toHaveLength(1);
  });
});
