import { describe, expect, test } from 'bun:test';
import { asFault, collecting, hasErrno, ignoring, retrying, tolerating } from '../../src/attempt.ts';
import { Fault } from '../../src/fault.ts';
import { KernelError } from '../../src/netlink/error.ts';
import { ENOENT, EPERM } from '../../src/sys/errno.ts';
import { SystemError } from '../../src/sys/libc.ts';

const failing = (error: unknown) => () => {
  throw error;
};

describe.each([
  ['a system call', new SystemError('unlink', ENOENT)],
  ['a request', new KernelError('remove it', ENOENT)],
])('an error of %s', (_, error) => {
  test('is ignored where its errno is named, and thrown where it is not', () => {
    expect(ignoring([EPERM, ENOENT], failing(error))).toBeUndefined();
    expect(() => ignoring([EPERM], failing(error))).toThrow(error);
    expect(() => ignoring([], failing(error))).toThrow(error);
  });

  test('is tried again where its errno is named, as often as is said', () => {
    let calls = 0;
    const failsTwice = () => {
      calls++;
      if (calls < 3) throw error;
      return calls;
    };
    expect(retrying([ENOENT], 3, failsTwice)).toBe(3);
    calls = 0;
    expect(() => retrying([ENOENT], 2, failsTwice)).toThrow(error);
    expect(calls).toBe(2);
    calls = 0;
    expect(() => retrying([EPERM], 3, failsTwice)).toThrow(error);
    expect(calls).toBe(1);
  });
});

test('an error without errno is never ignored', () => {
  for (const error of [new Fault('io', 'x'), new Error('x'), null]) expect(hasErrno(error, [ENOENT])).toBe(false);
  expect(() => ignoring([ENOENT], failing(new Fault('io', 'x')))).toThrow('x');
});

test('collecting goes on past errors, and returns them as they are, in their order', () => {
  const done: number[] = [];
  const error = new SystemError('unlink', EPERM);
  const errors = collecting(
    failing(error),
    () => done.push(1),
    failing('text'),
    () => done.push(2),
  );
  expect(done).toEqual([1, 2]);
  expect(errors).toEqual([error, 'text']);
  expect(errors[0]).toBe(error);
});

test('tolerating logs a warning, and says whether it went well', () => {
  const lines: string[] = [];
  const log = (level: string, message: string) => lines.push(`${level}: ${message}`);
  expect([tolerating(log, () => 0), tolerating(log, failing(new Error('not now')))]).toEqual([true, false]);
  expect(lines).toEqual(['warn: not now']);
});

test('what is no Fault becomes one of our own defects', () => {
  const fault = new Fault('busy', 'x');
  expect(asFault(fault)).toBe(fault);
  expect(asFault(new Error('y'))).toMatchObject({ kind: 'internal', message: 'y' });
});
