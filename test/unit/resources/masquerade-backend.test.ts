/** Which backend masquerades, on kernels that refuse nf_tables in every way in which kernels do. */

import { describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cidr, parseCidr } from '../../../src/address/cidr.ts';
import type { Fault } from '../../../src/fault.ts';
import { attrU32be } from '../../../src/netlink/attribute.ts';
import { connect } from '../../../src/netlink/connection.ts';
import { type Message, NLM_F_DUMP, type OutgoingMessage } from '../../../src/netlink/message.ts';
import * as nft from '../../../src/netlink/nft/constants.ts';
import { type Backend, masqueradeKind } from '../../../src/resources/masquerade/masquerade.ts';
import type { Node } from '../../../src/resources/node.ts';
import { EAFNOSUPPORT, EINVAL, ENOENT, EOPNOTSUPP, EPERM, EPROTONOSUPPORT } from '../../../src/sys/errno.ts';
import { SystemError } from '../../../src/sys/libc.ts';
import { faultOf, thrownBy } from '../../support/fault.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { done, type FakeKernel, fakeKernel, verdict } from '../netlink/fake-kernel.ts';

const ADDRESS = parseCidr('10.1.0.2/24') as Cidr;
const wanted = (backend: Backend) => ({
  ...{ network: 'pods', containerId: 'abc', ifName: 'eth0' },
  addresses: [ADDRESS],
  backend,
});

type Refused = 'everything' | 'the chain that translates' | 'the rule that masquerades';
const MESSAGE: Record<Exclude<Refused, 'everything'>, number> = {
  'the chain that translates': nft.NFT_MSG_NEWCHAIN,
  'the rule that masquerades': nft.NFT_MSG_NEWRULE,
};

/** A kernel with an empty ruleset that refuses it. */
function refusing(what: Refused, errno: number): FakeKernel {
  return fakeKernel((messages) => {
    const isBatch = messages[0]?.type === nft.NFNL_MSG_BATCH_BEGIN;
    const answered = isBatch ? messages.slice(1, -1) : messages;
    return answered.map((message: Message) => {
      const type = message.type & 0xff;
      if (what === 'everything' || type === MESSAGE[what]) return [verdict(message, errno)];
      if (type === nft.NFT_MSG_GETGEN) return [generation(message), verdict(message)];
      if ((message.flags & NLM_F_DUMP) === NLM_F_DUMP) return [done(message)];
      const isMade =
        type === nft.NFT_MSG_NEWTABLE ||
        type === nft.NFT_MSG_NEWCHAIN ||
        type === nft.NFT_MSG_NEWSET ||
        type === nft.NFT_MSG_NEWRULE;
      return [verdict(message, isMade ? 0 : ENOENT)];
    });
  });
}

function generation({ sequence }: Message): OutgoingMessage {
  const attributes = [attrU32be(nft.NFTA_GEN_ID, 1)];
  return { type: 0xa0f, flags: 0, sequence, header: new Uint8Array(4), attributes };
}

interface Place {
  readonly node: Node;
  /** What iptables was given on its stdin, if it was run. */
  restored(): string | undefined;
}

/** A node with an iptables of its own, which takes everything and notes it. */
function placeWith(nftSocket: () => ReturnType<typeof connect>): Place {
  const directory = scratchDirectory();
  const file = join(directory, 'input');
  for (const name of ['iptables-restore', 'iptables-save']) {
    const path = join(directory, name);
    writeFileSync(path, `#!/bin/sh\ncat >>${file}\n`);
    chmodSync(path, 0o755);
  }
  const log = (_: string, message: string) => {
    throw new Error(`it was logged: ${message}`);
  };
  const node = { searchPath: directory, log, leftovers: [], nft: nftSocket } as unknown as Node;
  return { node, restored: () => (existsSync(file) ? readFileSync(file, 'utf8') : undefined) };
}

const REFUSALS: [Refused, number][] = [
  ...[EPROTONOSUPPORT, EINVAL, EOPNOTSUPP].map((errno): [Refused, number] => ['everything', errno]),
  ...[ENOENT, EOPNOTSUPP, EAFNOSUPPORT].map((errno): [Refused, number] => ['the chain that translates', errno]),
  ...[ENOENT, EOPNOTSUPP].map((errno): [Refused, number] => ['the rule that masquerades', errno]),
];

describe.each(REFUSALS)('a kernel that refuses %s with errno %d', (what, errno) => {
  const place = () => {
    const connection = connect(refusing(what, errno));
    return placeWith(() => connection);
  };

  test('masquerades through iptables', () => {
    const { node, restored } = place();
    masqueradeKind.ensure(node, wanted('auto'));
    expect(restored()).toContain('-s 10.1.0.2/32 ! -d 224.0.0.0/4 -m comment --comment "pods/abc/eth0" -j MASQUERADE');
    expect(masqueradeKind.able(node, wanted('auto'))).toBeUndefined();
  });

  test('fails in words where nftables is asked for, and so does STATUS', () => {
    const { node, restored } = place();
    const fault = faultOf(() => masqueradeKind.ensure(node, wanted('nftables')));
    expect(fault.kind).toBe('unsupported');
    expect(fault.message).toStartWith('cannot masquerade through nftables: ');
    expect(fault.details).toContain('Load the modules nf_tables');
    const said = masqueradeKind.able(node, wanted('nftables')) as Fault;
    expect([said.kind, said.message]).toEqual([fault.kind, fault.message]);
    expect(restored()).toBeUndefined();
  });

  test('has nothing to remove, and no program is run', () => {
    const { node, restored } = place();
    for (const backend of ['auto', 'nftables', 'iptables'] as const) masqueradeKind.remove?.(node, wanted(backend));
    expect(restored()).toBeUndefined();
  });
});

test('without the socket it is the same', () => {
  const { node, restored } = placeWith(() => {
    throw new SystemError('socket', EPROTONOSUPPORT);
  });
  masqueradeKind.ensure(node, wanted('auto'));
  expect(restored()).toContain('-j MASQUERADE');
  expect(masqueradeKind.able(node, wanted('nftables'))?.kind).toBe('unsupported');
});

test('what says nothing of the kernel is an error, and iptables is left alone', () => {
  const { node, restored } = placeWith(() => connect(refusing('everything', EPERM)));
  expect(thrownBy(() => masqueradeKind.ensure(node, wanted('auto')))).toMatchObject({ errno: EPERM });
  expect(restored()).toBeUndefined();
});
