/** The MAC guard: its bytes, and a kernel that says what it should not. */

import { describe, expect, test } from 'bun:test';
import { connect } from '../../../src/netlink/connection.ts';
import type { Message } from '../../../src/netlink/message.ts';
import { addElement } from '../../../src/netlink/nft/set.ts';
import {
  guardBranch,
  isOfPort,
  MACS,
  PORTS,
  pairKey,
  portKey,
  verifyGuardable,
} from '../../../src/resources/guard/nftables.ts';
import { createBranch } from '../../../src/resources/nftables/branch.ts';
import { EAFNOSUPPORT, EEXIST, ENOENT, EOPNOTSUPP } from '../../../src/sys/errno.ts';
import { thrownBy } from '../../support/fault.ts';
import { fakeKernel, verdict } from '../netlink/fake-kernel.ts';
import { bytesOf, headerIn, saidIn, sentFor } from '../netlink/fixture.ts';

const PORT = 'veth0123456789a';
const MAC = Uint8Array.of(0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f);
const OWNER = 'pods/abc/eth0';

const CREATED = createBranch(guardBranch('pods'));
const REQUESTS = [
  ['prerouting chain', CREATED[1]],
  ['ports set', CREATED[3]],
  ['macs set', CREATED[4]],
  ['guard chain', CREATED[5]],
  ['guard rule', CREATED[6]],
  ['jump', CREATED[7]],
  ['add port', addElement(PORTS, portKey(PORT), OWNER)],
  ['add pair', addElement(MACS, pairKey(PORT, MAC), OWNER)],
] as const;

describe.each(REQUESTS)('%s', (section, request) => {
  // It names sets by number too, says that there are no flags, and notes for itself what a key is made of.
  const ITS_OWN = ['NFTA_SET_FLAGS', 'NFTA_SET_ELEM_LIST_SET_ID', 'NFTA_LOOKUP_SET_ID'];
  if (section === 'macs set') ITS_OWN.push('NFTA_SET_USERDATA');

  test('is what the kernel was seen to take', () => {
    expect(sentFor(request as (typeof CREATED)[0])).toEqual(bytesOf('nft-guard', section));
  });

  test('is what nft says for the same', () => {
    expect(saidIn('nft-guard', section)).toEqual(saidIn('nft-guard', `${section}, by nft`, ITS_OWN));
    expect(headerIn('nft-guard', section)).toBe(headerIn('nft-guard', `${section}, by nft`));
  });
});

test('both hooks of the bridge lead to the one rule', () => {
  expect(CREATED.map(({ operation }) => operation)).toEqual([
    'create the nftables table trestle',
    'create the nftables chain prerouting',
    'create the nftables chain input',
    'create the nftables set ports',
    'create the nftables set macs',
    'create the nftables chain guard',
    ...Array.from({ length: 3 }, () => 'add the nftables rule "guard"'),
  ]);
});

test('a pair is told to be a port’s by the whole name', () => {
  const { bytes } = pairKey('veth1', MAC);
  expect(['veth1', 'veth', 'veth11', ''].map((port) => isOfPort(port, bytes))).toEqual([true, false, false, false]);
});

test('a network’s anchors are its own, under names that no interface can have', () => {
  const names = ['pods', 'pods-2'].map((network) => guardBranch(network).anchors.map(({ key }) => key.text));
  expect(new Set(names.flat()).size).toBe(4);
  for (const [port] of names) expect(port).toMatch(/^\/[0-9a-f]{14}$/);
});

describe('a kernel', () => {
  /** One that refuses the messages of these types. */
  const refusing = (errnos: Record<number, number>) =>
    connect(
      fakeKernel((messages) =>
        messages.slice(1, -1).map((message: Message) => [verdict(message, errnos[message.type & 0xff] ?? 0)]),
      ),
    );
  const [NEWTABLE, NEWCHAIN, DELSETELEM] = [0, 3, 14];

  test('can guard where it refuses nothing but what it must', () => {
    expect(() => verifyGuardable(refusing({ [DELSETELEM]: ENOENT }))).not.toThrow();
  });

  test('can guard where it does already', () => {
    expect(() => verifyGuardable(refusing({ [NEWCHAIN]: EEXIST, [DELSETELEM]: ENOENT }))).not.toThrow();
  });

  test.each([
    ['the family', NEWTABLE, EAFNOSUPPORT],
    ['its chains', NEWCHAIN, ENOENT],
    ['nf_tables', NEWTABLE, EOPNOTSUPP],
  ])('cannot without %s', (_, type, errno) => {
    const error = thrownBy(() => verifyGuardable(refusing({ [type]: errno, [DELSETELEM]: ENOENT })));
    expect(error).toMatchObject({ errno });
  });
});
