/** Waiting for a port, against a kernel whose every answer and notification is chosen. */

import { expect, test } from 'bun:test';
import { connect } from '../../../src/netlink/connection.ts';
import { KernelError } from '../../../src/netlink/error.ts';
import type { Watch } from '../../../src/netlink/socket.ts';
import type { Node } from '../../../src/resources/node.ts';
import { awaitForwarding } from '../../../src/resources/port/await-forwarding.ts';
import { ENOBUFS, ENODEV } from '../../../src/sys/errno.ts';
import { faultOf, thrownBy } from '../../support/fault.ts';
import { fakeKernel, verdict } from '../netlink/fake-kernel.ts';
import { bytesOf, payloadOf } from '../netlink/fixture.ts';

const EIO = 5;

type State = 'disabled' | 'listening' | 'learning' | 'forwarding' | 'blocking' | 'none' | 'gone';
/** A datagram, undefined for none in time, or what receiving fails with. */
type Notice = Uint8Array | undefined | Error;

const STATES: readonly State[] = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'];
const RTM_NEWLINK = 16;
const OURS = bytesOf('link-port', 'notification');
const ANOTHERS = bytesOf('link-bridge');

/** What the kernel says of the port at one look after another; the last for ever. */
function nodeWith(states: readonly State[], notices: readonly Notice[] = []) {
  const seen = { looks: 0, opened: 0, closed: 0, log: [] as string[] };
  const kernel = fakeKernel(([request]) => {
    const state = states[Math.min(seen.looks++, states.length - 1)] as State;
    if (request === undefined) throw new Error('nothing was sent');
    if (state === 'gone') return [[verdict(request, ENODEV)]];
    const header = payloadIn(state);
    const reply = { type: RTM_NEWLINK, flags: 0, sequence: request.sequence, header, attributes: [] };
    return [[reply], [verdict(request)]];
  });
  const queue = [...notices];
  const watch: Watch = {
    next: () => {
      if (queue.length === 0) throw new Error('no more was to be received');
      const notice = queue.shift();
      if (notice instanceof Error) throw notice;
      return notice;
    },
    close: () => void seen.closed++,
  };
  const watchLinks = () => {
    seen.opened++;
    return watch;
  };
  const log = (...line: string[]) => void seen.log.push(line.join(' '));
  return { seen, node: { route: connect(kernel), watchLinks, log } as unknown as Node };
}

function payloadIn(state: State): Uint8Array {
  if (state === 'none') return payloadOf('link-veth');
  const payload = Buffer.from(payloadOf('link-port'));
  payload[payload.indexOf(Buffer.from([5, 0, 1, 0, 3])) + 4] = STATES.indexOf(state);
  return payload;
}

test('a port that forwards is looked at once, and nothing is waited for', () => {
  const { node, seen } = nodeWith(['forwarding']);
  awaitForwarding(node, 'vhost');
  expect(seen).toEqual({ looks: 1, opened: 0, closed: 0, log: [] });
});

test('what happens while the subscription is made is not missed', () => {
  const { node, seen } = nodeWith(['disabled', 'forwarding']);
  awaitForwarding(node, 'vhost');
  expect(seen).toEqual({ looks: 2, opened: 1, closed: 1, log: [] });
});

test('each notification about the port has it looked at again, and others have not', () => {
  const { node, seen } = nodeWith(['disabled', 'disabled', 'disabled', 'forwarding'], [ANOTHERS, OURS, ANOTHERS, OURS]);
  awaitForwarding(node, 'vhost');
  expect(seen).toEqual({ looks: 4, opened: 1, closed: 1, log: [] });
});

test('lost notifications may have been about the port', () => {
  const { node, seen } = nodeWith(['disabled', 'disabled', 'forwarding'], [new KernelError('watch', ENOBUFS)]);
  awaitForwarding(node, 'vhost');
  expect(seen).toMatchObject({ looks: 3, closed: 1 });
});

test.each(['listening', 'learning', 'blocking'] as const)(
  'a port that is %s is not waited for, with a warning',
  (state) => {
    const { node, seen } = nodeWith([state]);
    awaitForwarding(node, 'vhost');
    expect(seen).toMatchObject({ looks: 1, opened: 0 });
    expect(seen.log).toEqual([
      expect.stringContaining(`warn the spanning tree protocol has the bridge port vhost ${state}`),
    ]);
  },
);

test('a port that is disabled for good is an error of its own', () => {
  const { node, seen } = nodeWith(['disabled']);
  const fault = faultOf(() => awaitForwarding(node, 'vhost', 0));
  expect([fault.kind, fault.message]).toEqual([
    'busy',
    'cannot use the port vhost: the bridge does not forward for it after 0 s',
  ]);
  expect(seen.closed).toBe(1);
});

test.each([
  ['gone', 'cannot use the port vhost: it was removed as soon as it was made'],
  ['none', 'cannot use the port vhost: something took it off its bridge'],
] as const)('a port that is %s at once, or later', (state, message) => {
  for (const states of [[state], ['disabled', 'disabled', state]] as const) {
    const { node, seen } = nodeWith(states, [OURS]);
    const fault = faultOf(() => awaitForwarding(node, 'vhost'));
    expect([fault.kind, fault.message]).toEqual(['busy', message]);
    expect(seen.closed).toBe(seen.opened);
  }
});

test('any other error of the watch is thrown, and the watch is closed', () => {
  const { node, seen } = nodeWith(['disabled'], [new KernelError('watch', EIO)]);
  expect(thrownBy(() => awaitForwarding(node, 'vhost'))).toMatchObject({ name: 'KernelError', errno: EIO });
  expect(seen).toMatchObject({ opened: 1, closed: 1 });
});
