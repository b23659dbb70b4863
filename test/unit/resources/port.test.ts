/** A port that cannot be made, against a kernel that refuses one request or more: what is left is removed, or said to be left. */

import { describe, expect, test } from 'bun:test';
import { connect } from '../../../src/netlink/connection.ts';
import type { Message } from '../../../src/netlink/message.ts';
import type { Node } from '../../../src/resources/node.ts';
import { type PortWanted, portKind } from '../../../src/resources/port/port.ts';
import { kernelErrorOf } from '../../support/fault.ts';
import { acknowledgeAll, type FakeKernel, fakeKernel, verdict } from '../netlink/fake-kernel.ts';
import { payloadOf } from '../netlink/fixture.ts';

const [RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK] = [16, 17, 18, 19];
const EIO = 5;
const NAME = 'vhost';

const WANTED: PortWanted = {
  ...{ network: 'pods', containerId: 'abc', ifName: 'eth0', name: NAME, bridge: 'cni0' },
  ...{ hairpin: true, isolated: false, keepDown: false },
};
const VLANS = { vlans: [{ first: 100, last: 100, pvid: true, untagged: true }], keepDefault: false };

type Refuses = (request: Message, round: number) => boolean;

/** Refuses what it is to refuse, and else does what it is asked for: the pair is `link-port` of the fixtures. */
function kernelThat(refuses: Refuses): FakeKernel {
  return fakeKernel((requests, round) =>
    requests.map((request) => {
      if (refuses(request, round)) return [verdict(request, EIO)];
      if (request.type !== RTM_GETLINK) return [verdict(request)];
      const header = payloadOf(Buffer.from(request.payload).includes('cni0') ? 'link-bridge' : 'link-port');
      return [{ type: RTM_NEWLINK, flags: 0, sequence: request.sequence, header, attributes: [] }, verdict(request)];
    }),
  );
}

/** Makes the port. @returns what it failed with, what was removed and what is said to be left */
function failing(refuses: Refuses, wanted: PortWanted = WANTED) {
  const kernel = kernelThat(refuses);
  const leftovers: string[] = [];
  const log: string[] = [];
  const container = { netns: { fd: 7, path: '/ns' }, route: connect(fakeKernel(acknowledgeAll)), links: new Map() };
  const node = {
    ...{ route: connect(kernel), links: new Map(), leftovers, container },
    log: (level: string, text: string) => void log.push(`${level}: ${text}`),
  } as unknown as Node;
  const { message } = kernelErrorOf(() => portKind.ensure(node, wanted));
  const removals = kernel.requests.flat().filter(isRemoval);
  return { message, removals: removals.length, leftovers, log };
}

/** Of the link, not of VLANs from it (AF_BRIDGE). */
const isRemoval = ({ type, payload }: Message) => type === RTM_DELLINK && payload[0] === 0;
const isAlias = ({ type, payload }: Message) => type === RTM_SETLINK && Buffer.from(payload).includes('trestle:');
const isOption = ({ type, payload }: Message) => type === RTM_SETLINK && payload[0] === 7 && payload.includes(12);
const isVlans: Refuses = ({ type, payload }, round) => round > 3 && type === RTM_SETLINK && payload[0] === 7;

describe.each([
  ['its label', isAlias, WANTED],
  ['its options', isOption, WANTED],
  ['its VLANs', isVlans, { ...WANTED, vlans: VLANS }],
] as const)('a port that is refused %s', (_, refuses, wanted) => {
  test('is removed, and nothing is left', () => {
    const { removals, leftovers, message } = failing(refuses, wanted);
    expect([removals, leftovers]).toEqual([1, []]);
    expect(message).toEndWith('input/output error (EIO)');
  });

  test('and its removal: that it is left is noted and logged, and the first error stands', () => {
    const isEither: Refuses = (request, round) => isRemoval(request) || refuses(request, round);
    const { message, leftovers, log } = failing(isEither, wanted);
    const left = `cannot remove ${NAME} after a failure: cannot delete the interface ${NAME}: input/output error (EIO)`;
    expect(message).not.toContain('delete');
    expect([leftovers, log]).toEqual([[left], [`error: ${left}`]]);
  });
});

test('a port that is not created leaves nothing to remove', () => {
  const { message, removals, leftovers } = failing(({ type }) => type === RTM_NEWLINK);
  expect(message).toBe(`cannot create the veth pair ${NAME} and eth0: input/output error (EIO)`);
  expect([removals, leftovers]).toEqual([0, []]);
});
