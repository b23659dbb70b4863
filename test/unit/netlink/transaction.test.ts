/** Requests that stand or fall together. */

import { describe, expect, test } from 'bun:test';
import { connect, type Request } from '../../../src/netlink/connection.ts';
import type { Message } from '../../../src/netlink/message.ts';
import { commit } from '../../../src/netlink/nft/batch.ts';
import { EAGAIN, EBUSY, EEXIST, EINTR, ENOBUFS, ENOENT, EPERM } from '../../../src/sys/errno.ts';
import { SystemError } from '../../../src/sys/libc.ts';
import { kernelErrorOf } from '../../support/fault.ts';
import { type Answer, type FakeKernel, fakeKernel, verdict } from './fake-kernel.ts';

const change = (operation: string): Request => ({
  operation,
  type: 0xa00,
  flags: 0x400,
  header: new Uint8Array(4),
  attributes: [],
});
const run = (kernel: FakeKernel) => commit(connect(kernel), [change('do a'), change('do b')]);

/** Answers the changes, not the ends: that is what the kernel does unless it refuses the whole. */
function inner(messages: readonly Message[], errnos: readonly number[]): Answer[] {
  return messages.slice(1, -1).map((message, at) => [verdict(message, errnos[at] ?? 0)]);
}

test('is one datagram, its changes acknowledged and its ends not', () => {
  const kernel = fakeKernel((messages) => inner(messages, []));
  run(kernel);
  expect(kernel.requests.map((messages) => messages.map(({ type, flags }) => [type, flags]))).toEqual([
    [
      [16, 0x1],
      [0xa00, 0x405],
      [0xa00, 0x405],
      [17, 0x1],
    ],
  ]);
});

test('names the change that was refused', () => {
  const kernel = fakeKernel((messages) => inner(messages, [0, EEXIST]));
  expect(kernelErrorOf(() => run(kernel)).message).toBe('cannot do b: already exists (EEXIST)');
  expect(kernel.datagrams).toHaveLength(1);
});

describe('refused at its beginning', () => {
  test('fails at once: no change is answered then', () => {
    const kernel = fakeKernel(([begin] = []) => [[verdict(begin as Message, EPERM)]]);
    const error = kernelErrorOf(() => run(kernel));
    expect([error.errno, error.message]).toEqual([
      EPERM,
      'cannot begin a transaction of nftables: operation not permitted (EPERM)',
    ]);
    expect(kernel.datagrams).toHaveLength(1);
  });

  test('but acknowledged there, it still waits for its changes', () => {
    const kernel = fakeKernel((messages) => [[verdict(messages[0] as Message)], ...inner(messages, [0, ENOENT])]);
    expect(kernelErrorOf(() => run(kernel)).operation).toBe('do b');
  });
});

describe.each([EAGAIN, EBUSY, EINTR, ENOBUFS])('refused with errno %d', (errno) => {
  test('is repeated as a whole', () => {
    const kernel = fakeKernel((messages, round) => inner(messages, round < 2 ? [0, errno] : []));
    run(kernel);
    expect(kernel.requests.map((messages) => messages.map(({ type }) => type))).toEqual(
      Array.from({ length: 3 }, () => [16, 0xa00, 0xa00, 17]),
    );
  });

  test('each time is given up', () => {
    const kernel = fakeKernel((messages) => inner(messages, [errno, errno]));
    const error = kernelErrorOf(() => run(kernel));
    expect([error.operation, error.errno]).toEqual(['do a', errno]);
    expect(kernel.datagrams.length).toBeWithin(2, 20);
  });
});

test('that the kernel does not answer names a change, not the end that is never answered', () => {
  const kernel = fakeKernel((messages) => inner(messages, []).slice(0, 1));
  const error = kernelErrorOf(() => run(kernel));
  expect([error.operation, error.errno]).toEqual(['do b', EAGAIN]);
});

test('whose answers were lost is repeated as a whole', () => {
  const kernel = fakeKernel((messages, round) =>
    round === 0 ? [new SystemError('recv', ENOBUFS)] : inner(messages, []),
  );
  run(kernel);
  expect(kernel.datagrams).toHaveLength(2);
});
