/** Requests and their answers, against a kernel that misbehaves in every way that the real one may. */

import { describe, expect, test } from 'bun:test';
import { Truncated } from '../../../src/netlink/bytes.ts';
import {
  closeConnection,
  connect,
  execute,
  executeUnlessRefused,
  type Request,
} from '../../../src/netlink/connection.ts';
import { type Message, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_MULTI } from '../../../src/netlink/message.ts';
import { listAddresses } from '../../../src/netlink/route/address.ts';
import { EAGAIN, EBUSY, EEXIST, EINTR, ENETUNREACH, ENOBUFS, ENOENT, EPERM } from '../../../src/sys/errno.ts';
import { SystemError } from '../../../src/sys/libc.ts';
import { kernelErrorOf } from '../../support/fault.ts';
import { type Answer, acknowledgeAll, done, type FakeKernel, fakeKernel, part, verdict } from './fake-kernel.ts';
import { bytesOf } from './fixture.ts';

const PASSING = [EAGAIN, EBUSY, EINTR, ENOBUFS];
/** More than anybody should try. */
const MANY = 20;

function request(operation: string, flags = 0): Request {
  return { operation, type: 0x20, flags, header: new Uint8Array(4), attributes: [] };
}

const dump = (operation: string) => request(operation, NLM_F_DUMP);
const ask = (kernel: FakeKernel, ...requests: Request[]) => execute(connect(kernel), ...requests);
const bytes = (replies: readonly (readonly Message[])[]) =>
  replies.map((list) => list.map(({ payload }) => payload[0]));

describe('several requests', () => {
  test('go out in one datagram, each to be acknowledged, numbered from one datagram to the next', () => {
    const kernel = fakeKernel(acknowledgeAll);
    const connection = connect(kernel);
    execute(connection, request('do a'), request('do b', 0x400), request('do c'));
    execute(connection, request('do d'));
    const seen = kernel.requests.map((messages) => messages.map(({ flags, sequence }) => [flags, sequence]));
    expect(seen).toEqual([
      [
        [0x5, 1],
        [0x405, 2],
        [0x5, 3],
      ],
      [[0x5, 4]],
    ]);
  });

  test('get their answers by number, in whatever order and datagrams those come', () => {
    const kernel = fakeKernel(([a, b, c] = []) => {
      if (a === undefined || b === undefined || c === undefined) throw new Error('three were sent');
      return [[part(c, 5), part(a, 1)], [verdict(b), part(c, 6), done(c)], [part(a, 2, 0)], [verdict(a)]];
    });
    expect(bytes(ask(kernel, request('do a'), request('do b'), dump('do c')))).toEqual([[1, 2], [], [5, 6]]);
  });

  test('that are refused: the first of them is told, after all were answered', () => {
    const kernel = fakeKernel(([a, b, c] = []) => [
      [verdict(c as Message, EPERM)],
      [verdict(a as Message)],
      [verdict(b as Message, ENOENT)],
      new Error('nobody waits for more'),
    ]);
    const error = kernelErrorOf(() => ask(kernel, request('do a'), request('do b'), request('do c')));
    expect([error.operation, error.errno, error.code]).toEqual(['do b', ENOENT, 'ENOENT']);
    expect(error.message).toBe('cannot do b: no such file or directory (ENOENT)');
  });
});

test('that cannot be sent: the first of them says why', () => {
  const kernel = fakeKernel(() => {
    throw new SystemError('send', EPERM);
  });
  const error = kernelErrorOf(() => ask(kernel, request('do a'), request('do b')));
  expect(error.message).toBe('cannot do a: operation not permitted (EPERM)');
  expect(kernel.datagrams).toHaveLength(0);
});

test('replies to an earlier exchange are passed over, be they data, ends or refusals', () => {
  const stale = { sequence: 1 };
  const kernel = fakeKernel(([a] = [], round) => {
    if (round === 0) return [];
    return [[part(stale, 9), done(stale)], [verdict(stale, EPERM)], [part(a as Message, 2), verdict(a as Message)]];
  });
  const connection = connect(kernel);
  expect(() => execute(connection, request('do a'))).toThrow('cannot do a');
  expect(bytes(execute(connection, request('do b')))).toEqual([[2]]);
});

describe('a dump', () => {
  test('goes on over datagrams to its end', () => {
    const kernel = fakeKernel(([a] = []) => [
      [part(a as Message, 1), part(a as Message, 2)],
      [part(a as Message, 3)],
      [done(a as Message)],
    ]);
    expect(bytes(ask(kernel, dump('list')))).toEqual([[1, 2, 3]]);
  });

  test('of the real kernel, as it was heard, is understood', () => {
    const datagrams = [bytesOf('address', 'IPv4'), bytesOf('verdict', 'end of a dump')];
    const [replies] = ask(
      fakeKernel(() => datagrams),
      listAddresses(3, 4),
    );
    expect(replies?.map(({ payload }) => payload.length)).toEqual([72]);
  });

  test('whose end has an error is refused', () => {
    const kernel = fakeKernel(([a] = []) => [[part(a as Message, 1), done(a as Message, EPERM)]]);
    expect(kernelErrorOf(() => ask(kernel, dump('list'))).message).toBe('cannot list: operation not permitted (EPERM)');
  });

  test.each([
    ['a part', NLM_F_MULTI | NLM_F_DUMP_INTR, NLM_F_MULTI],
    ['the end', NLM_F_MULTI, NLM_F_MULTI | NLM_F_DUMP_INTR],
  ])('that %s says was interrupted is repeated, and nothing of the first attempt is kept', (_, inPart, atEnd) => {
    const kernel = fakeKernel(([a] = [], round) =>
      round < 2
        ? [[part(a as Message, 1, inPart)], [part(a as Message, 2), done(a as Message, 0, atEnd)]]
        : [[part(a as Message, 3), done(a as Message)]],
    );
    expect(bytes(ask(kernel, dump('list')))).toEqual([[3]]);
    expect(kernel.requests.map((messages) => messages.map(({ sequence }) => sequence))).toEqual([[1], [2], [3]]);
  });

  test('that is interrupted every time is given up', () => {
    const kernel = fakeKernel(([a] = []) => [[part(a as Message, 1), done(a as Message, 0, NLM_F_DUMP_INTR)]]);
    const error = kernelErrorOf(() => ask(kernel, dump('list')));
    expect([error.operation, error.errno]).toEqual(['list', EINTR]);
    expect(kernel.datagrams.length).toBeWithin(2, MANY);
  });

  test('is what that flag is about: on other replies it has another meaning', () => {
    const kernel = fakeKernel(([a] = []) => [[part(a as Message, 1, NLM_F_DUMP_INTR), verdict(a as Message)]]);
    expect(bytes(ask(kernel, request('do a', 0x100)))).toEqual([[1]]);
    expect(kernel.datagrams).toHaveLength(1);
  });
});

describe('a passing reason', () => {
  test.each(PASSING)('errno %d: that request alone is repeated', (errno) => {
    const kernel = fakeKernel((messages, round) => {
      const [a, b] = messages as [Message, Message];
      if (round === 0) return [[part(a, 1), verdict(a)], [verdict(b, errno)]];
      return round === 1 ? [[verdict(a, errno)]] : [[part(a, 7), verdict(a)]];
    });
    expect(bytes(ask(kernel, request('do a'), request('do b', 0x400)))).toEqual([[1], [7]]);
    expect(kernel.requests.map((messages) => messages.map(({ flags }) => flags))).toEqual([
      [0x5, 0x405],
      [0x405],
      [0x405],
    ]);
  });

  test.each(PASSING)('errno %d: what is refused every time is given up', (errno) => {
    const kernel = fakeKernel((messages) => messages.map((message) => [verdict(message, errno)]));
    const before = performance.now();
    const error = kernelErrorOf(() => ask(kernel, request('do a')));
    expect([error.operation, error.errno]).toEqual(['do a', errno]);
    expect(kernel.datagrams.length).toBeWithin(2, MANY);
    expect(performance.now() - before).toBeGreaterThan(5); // a little later each time
  });

  test.each([ENOENT, EEXIST, EPERM])('errno %d is none', (errno) => {
    const kernel = fakeKernel((messages) => messages.map((message) => [verdict(message, errno)]));
    expect(kernelErrorOf(() => ask(kernel, request('do a'))).errno).toBe(errno);
    expect(kernel.datagrams).toHaveLength(1);
  });

  test('what comes behind is repeated with it, in its order, and what was carried out is not', () => {
    // The kernel refuses to set a link up for now, hence the route through it; the address between them is there.
    const kernel = fakeKernel((messages, round) =>
      messages.map((message, at) => [verdict(message, round === 0 ? ([0, EBUSY, 0, ENETUNREACH][at] as number) : 0)]),
    );
    ask(kernel, request('a', 0x100), request('set up', 0x200), request('address', 0x400), request('route', 0x800));
    expect(kernel.requests.map((messages) => messages.map(({ flags }) => flags & 0xf00))).toEqual([
      [0x100, 0x200, 0x400, 0x800],
      [0x200, 0x800],
    ]);
  });

  test('behind one that is refused for good is not waited for', () => {
    const kernel = fakeKernel(([a, b] = []) => [[verdict(a as Message, EPERM)], [verdict(b as Message, EBUSY)]]);
    expect(kernelErrorOf(() => ask(kernel, request('do a'), request('do b'))).operation).toBe('do a');
    expect(kernel.datagrams).toHaveLength(1);
  });

  test('and then one that is none: that one is told', () => {
    const kernel = fakeKernel((messages, round) =>
      messages.map((message, at) => [verdict(message, [round === 0 ? EBUSY : 0, ENETUNREACH][at])]),
    );
    expect(kernelErrorOf(() => ask(kernel, request('do a'), request('do b'))).message).toContain('cannot do b');
    expect(kernel.datagrams).toHaveLength(2);
  });

  test('an overrun receive buffer: what was not answered yet is asked again', () => {
    const overrun = new SystemError('recv', ENOBUFS);
    const kernel = fakeKernel((messages, round) =>
      round === 0 ? [[verdict(messages[0] as Message)], overrun] : acknowledgeAll(messages),
    );
    ask(kernel, request('do a', 0x100), request('do b', 0x200), request('do c', 0x400));
    const seen = kernel.requests.map((messages) => messages.map(({ flags }) => flags & 0xf00));
    expect(seen).toEqual([
      [0x100, 0x200, 0x400],
      [0x200, 0x400],
    ]);
  });

  test.each([1, 2])('after %d overruns, what turns out to be there was created by us', (overruns) => {
    const kernel = fakeKernel((messages, round) =>
      round < overruns ? [new SystemError('recv', ENOBUFS)] : messages.map((message) => [verdict(message, EEXIST)]),
    );
    ask(kernel, request('create a', 0x600));
    expect(kernel.datagrams).toHaveLength(overruns + 1);
  });

  test('between an overrun and what is there is forgotten by neither', () => {
    const kernel = fakeKernel(([a] = [], round) =>
      round === 0 ? [new SystemError('recv', ENOBUFS)] : [[verdict(a as Message, round === 1 ? EBUSY : EEXIST)]],
    );
    ask(kernel, request('create a', 0x600));
    expect(kernel.datagrams).toHaveLength(3);
  });

  test('that was answered, and then something is there: somebody else made it', () => {
    const kernel = fakeKernel(([a] = [], round) => [[verdict(a as Message, round === 0 ? EBUSY : EEXIST)]]);
    expect(kernelErrorOf(() => ask(kernel, request('create a', 0x600))).errno).toBe(EEXIST);
  });

  test('after an overrun, what is refused otherwise is refused', () => {
    const kernel = fakeKernel(([a] = [], round) =>
      round === 0 ? [new SystemError('recv', ENOBUFS)] : [[verdict(a as Message, EPERM)]],
    );
    expect(kernelErrorOf(() => ask(kernel, request('create a', 0x600))).errno).toBe(EPERM);
  });

  test.each([EAGAIN, 12])(
    'an answer that cannot be received (%d) is an error, and each request’s counts as lost',
    (errno) => {
      const connection = connect(fakeKernel(() => [new SystemError('recv', errno)]));
      const error = kernelErrorOf(() => execute(connection, request('do a'), request('do b')));
      expect([error.message.slice(0, 11), error.errno, connection.lost]).toEqual(['cannot do a', errno, 2]);
    },
  );

  test('a receive buffer that overruns every time is given up', () => {
    const kernel = fakeKernel(() => [new SystemError('recv', ENOBUFS)]);
    expect(kernelErrorOf(() => ask(kernel, request('do a'))).errno).toBe(ENOBUFS);
    expect(kernel.datagrams.length).toBeWithin(2, MANY);
  });
});

describe('an error', () => {
  test('has the sentence of the extended acknowledgement', () => {
    const kernel = fakeKernel(([a] = []) => [[verdict(a as Message, EEXIST, 'ipv4: Address already assigned')]]);
    const error = kernelErrorOf(() => ask(kernel, request('add the address 10.1.0.1/24')));
    expect(error.explanation).toBe('ipv4: Address already assigned');
    expect(error.message).toBe(
      'cannot add the address 10.1.0.1/24: already exists (EEXIST): ipv4: Address already assigned',
    );
  });

  test('is what no answer in time becomes: it names the first request that has none', () => {
    const kernel = fakeKernel(([a, , c] = []) => [[verdict(a as Message)], [verdict(c as Message)]]);
    const error = kernelErrorOf(() => ask(kernel, request('do a'), request('do b'), request('do c')));
    expect([error.operation, error.errno]).toEqual(['do b', EAGAIN]);
    expect(error.message).toBe('cannot do b: no answer in time (EAGAIN)');
    expect(kernel.datagrams).toHaveLength(1);
  });

  test('is what a socket that fails becomes', () => {
    const kernel = fakeKernel(() => [new SystemError('recv', 9)]);
    expect(kernelErrorOf(() => ask(kernel, request('do a'))).message).toBe('cannot do a: bad file descriptor (EBADF)');
  });

  test.each<[string, Answer]>([
    ['has a length beyond its end', Uint8Array.of(32, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)],
    ['has a verdict without its errno', Uint8Array.of(16, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)],
  ])('is thrown for a datagram that %s', (_, datagram) => {
    expect(() =>
      ask(
        fakeKernel(() => [datagram]),
        request('do a'),
      ),
    ).toThrow(Truncated);
  });

  test('of another sort is not dressed up', () => {
    const kernel = fakeKernel(() => [new TypeError('a defect')]);
    expect(() => ask(kernel, request('do a'))).toThrow(new TypeError('a defect'));
  });
});

test('closing a connection closes what it is made of', () => {
  const kernel = fakeKernel(acknowledgeAll);
  closeConnection(connect(kernel));
  expect(kernel.closed).toBe(true);
});

describe('questions of which each may be about something that is not there', () => {
  const asking = (kernel: FakeKernel) =>
    executeUnlessRefused(connect(kernel), [ENOENT], request('find a'), request('find b'), request('find c'));

  test('are answered one by one', () => {
    const kernel = fakeKernel(([a, b, c] = []) => {
      if (a === undefined || b === undefined || c === undefined) throw new Error('three were sent');
      return [[part(a, 1, 0)], [verdict(a)], [verdict(b, ENOENT)], [part(c, 3, 0)], [verdict(c)]];
    });
    expect(asking(kernel).map((replies) => replies?.map(({ payload }) => payload[0]))).toEqual([[1], undefined, [3]]);
    expect(kernel.datagrams).toHaveLength(1);
  });

  test('are refused for the first other reason', () => {
    const errnos = [ENOENT, EPERM, EBUSY];
    const kernel = fakeKernel((messages) => messages.map((message, at) => [verdict(message, errnos[at])]));
    expect(kernelErrorOf(() => asking(kernel))).toMatchObject({ operation: 'find b', errno: EPERM });
  });

  test('are repeated where the reason passes', () => {
    const kernel = fakeKernel((messages, round) => {
      if (round > 0) return acknowledgeAll(messages);
      return messages.map((message, at) => [verdict(message, at === 1 ? EAGAIN : 0)]);
    });
    expect(asking(kernel)).toEqual([[], [], []]);
    expect(kernel.requests.map(({ length }) => length)).toEqual([3, 1]);
  });
});
