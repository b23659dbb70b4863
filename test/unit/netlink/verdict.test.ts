/** What the kernel says when it is done, or refuses. */

import { describe, expect, test } from 'bun:test';
import { Truncated } from '../../../src/netlink/bytes.ts';
import { decodeVerdict, isKernelError, KernelError } from '../../../src/netlink/error.ts';
import { messageOf } from './fixture.ts';

test.each([
  ['done', { errno: 0, explanation: undefined }],
  ['refused', { errno: 19, explanation: undefined }],
  ['refused with a sentence', { errno: 17, explanation: 'ipv4: Address already assigned' }],
  ['refused, telling only where', { errno: 17, explanation: undefined }],
  ['end of a dump', { errno: 0, explanation: undefined }],
])('%s', (section, verdict) => {
  const { errno, explanation } = decodeVerdict(messageOf('verdict', section));
  expect({ errno: errno + 0, explanation }).toEqual(verdict); // 0 is the same as -0
});

test('the whole request, where it is quoted, is not taken for attributes', () => {
  const message = messageOf('verdict', 'refused with a sentence');
  for (const flags of [0x000, 0x100, 0x200]) {
    expect(decodeVerdict({ ...message, flags })).toEqual({ errno: 17, explanation: undefined });
  }
});

test.each([0, 3])('a verdict of %d bytes is refused', (length) => {
  const message = messageOf('verdict', 'done');
  expect(() => decodeVerdict({ ...message, payload: message.payload.subarray(0, length) })).toThrow(Truncated);
});

test('an attribute of a verdict with a lying length is refused', () => {
  const { payload, ...message } = messageOf('verdict', 'refused with a sentence');
  const lying = payload.slice();
  lying[20] = 0xff;
  expect(() => decodeVerdict({ ...message, payload: lying })).toThrow(Truncated);
});

describe('a kernel error', () => {
  test('is a sentence of operation and reason', () => {
    const error = new KernelError('find the interface br0', 19);
    expect(error.message).toBe('cannot find the interface br0: no such device (ENODEV)');
    expect([error.name, error.operation, error.errno, error.code, error.explanation]).toEqual([
      'KernelError',
      'find the interface br0',
      19,
      'ENODEV',
      undefined,
    ]);
  });

  test('has the kernel’s own sentence behind it', () => {
    const { message } = new KernelError('create the bridge br0', 22, 'mtu less than device minimum');
    expect(message).toBe('cannot create the bridge br0: invalid argument (EINVAL): mtu less than device minimum');
  });

  test('of an errno that has no name shows its number', () => {
    expect(new KernelError('do a', 999).message).toBe('cannot do a: errno 999');
  });

  test('is told by its errno from others', () => {
    const error = new KernelError('do a', 17);
    expect([isKernelError(error, 17), isKernelError(error, 2, 17), isKernelError(error, 2)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(isKernelError(Object.assign(new Error('do a'), { errno: 17 }), 17)).toBe(false);
  });
});
