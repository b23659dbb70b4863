import { describe, expect, test } from 'bun:test';
import { DelegateError } from '../../../src/cni/delegate.ts';
import { cniErrorOf } from '../../../src/cni/error.ts';
import { Fault, type FaultKind } from '../../../src/fault.ts';
import { KernelError } from '../../../src/netlink/error.ts';
import { SystemError } from '../../../src/sys/libc.ts';

/** The specification's, and above 99 ours, which docs/errors.md tells of. */
const CODES: Record<FaultKind, number> = {
  ...{
    version: 1,
    unsupported: 2,
    environment: 4,
    io: 5,
    decode: 6,
    config: 7,
    busy: 11,
    unavailable: 50,
    limited: 51,
  },
  ...{ internal: 100, kernel: 101, conflict: 102, exhausted: 103, address: 104, check: 105, delegate: 106 },
};
const ROOT = 'The plugin must run as root, with CAP_NET_ADMIN.';

test.each(Object.entries(CODES) as [FaultKind, number][])('%s has code %d', (kind, code) => {
  const fault = new Fault(kind, 'cannot do a: reason', { details: 'Do b.' });
  expect(cniErrorOf(fault, '1.0.0')).toEqual({
    cniVersion: '1.0.0',
    code,
    msg: 'cannot do a: reason',
    details: 'Do b.',
  });
});

test('where there is nothing to do about it, there are no details', () => {
  expect(Object.keys(cniErrorOf(new Fault('io', 'x'), '1.1.0'))).toEqual(['cniVersion', 'code', 'msg']);
});

test('the message is one line, whatever is in it', () => {
  const fault = new Fault('io', '  cannot do a:\n\treason\r\n  more  ');
  expect(cniErrorOf(fault, '1.1.0').msg).toBe('cannot do a: reason more');
});

test('no message is longer than a screen, or has what a terminal obeys', () => {
  const fault = new Fault('io', `cannot \u001b[2J\u009b do ${'x'.repeat(5000)}`, { details: `\n${'y'.repeat(5000)}` });
  const { msg, details } = cniErrorOf(fault, '1.1.0');
  expect([msg, details]).toEqual([`cannot [2J do ${'x'.repeat(886)}…`, `${'y'.repeat(900)}…`]);
  expect(cniErrorOf(new DelegateError(100, 'z'.repeat(5000), undefined), '1.1.0').msg).toBe(`${'z'.repeat(900)}…`);
});

test('what another plugin said is handed on to the letter', () => {
  const said = { code: 117, msg: 'no lease\nfor you', details: 'ask somebody else' };
  expect(cniErrorOf(new DelegateError(said.code, said.msg, said.details), '1.0.0')).toEqual({
    cniVersion: '1.0.0',
    ...said,
  });
  expect(cniErrorOf(new DelegateError(3, 'x', undefined), '1.0.0')).toEqual({ cniVersion: '1.0.0', code: 3, msg: 'x' });
});

describe('what the kernel refuses', () => {
  test.each<[string, () => Error, string | undefined]>([
    ['cannot add an address: already exists (EEXIST)', () => new KernelError('add an address', 17), undefined],
    ['cannot add an address: operation not permitted (EPERM)', () => new KernelError('add an address', 1), ROOT],
    ['setns: operation not permitted (EPERM)', () => new SystemError('setns', 1), ROOT],
    ['socket: permission denied (EACCES)', () => new SystemError('socket', 13), ROOT],
    ['socket: protocol not supported (EPROTONOSUPPORT)', () => new SystemError('socket', 93), undefined],
  ])('%s', (msg, make, details) => {
    expect(cniErrorOf(make(), '1.1.0')).toEqual({ cniVersion: '1.1.0', code: 101, msg, ...(details && { details }) });
  });
});

test.each<[string, () => unknown]>([
  ['x is not a function', () => new TypeError('x is not a function')],
  ['text', () => 'text'],
  ['undefined', () => undefined],
])('anything else is a defect: %s', (said, make) => {
  const { code, msg, details } = cniErrorOf(make(), '1.1.0');
  expect([code, msg]).toEqual([100, said]);
  expect(details).toContain('defect');
});

// What the engine throws; it throws null where memory does not even suffice for an error.
test.each([new Error('out of memory'), null])('memory that is short is none: %p', (thrown) => {
  expect(cniErrorOf(thrown, '1.0.0')).toEqual({
    cniVersion: '1.0.0',
    code: 100,
    msg: 'there is not enough memory for this call',
    details: expect.stringContaining('RLIMIT_AS'),
  });
});
