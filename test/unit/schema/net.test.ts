/** The values that configurations, arguments and results share. */

import { describe, expect, test } from 'bun:test';
import * as z from 'zod/mini';
import { formatCidr } from '../../../src/address/cidr.ts';
import { formatIp } from '../../../src/address/ip.ts';
import { parseWith } from '../../../src/schema/explain.ts';
import * as net from '../../../src/schema/net.ts';
import { faultOf } from '../../support/fault.ts';

const { list, object, options } = net;
const text = z.string();

function parse<T>(schema: z.ZodMiniType<T>, input: unknown): T {
  return parseWith(schema, input, 'it', 'config');
}
const refusal = (schema: z.ZodMiniType, input: unknown) => faultOf(() => parse(schema, input)).message;

test('an address that says nothing is none', () => {
  expect(parse(net.ip, '')).toBeUndefined();
  expect(parse(net.ip, 'fd00::1')).toMatchObject({ family: 6 });
  expect(refusal(net.ip, '10.1.0')).toBe('cannot use it: "10.1.0" is not an IP address');
});

test('a subnet has its length, and keeps its host bits', () => {
  expect(formatCidr(parse(net.cidr, '10.1.0.5/16'))).toBe('10.1.0.5/16');
  for (const text of ['10.1.0.5', '', '10.1.0.5/33']) {
    expect(refusal(net.cidr, text)).toStartWith(`cannot use it: "${text}" is not an address with a prefix length`);
  }
});

test('addresses that are asked for may have a length, which is dropped', () => {
  expect(parse(net.ips, ['10.1.0.2', '10.1.0.3/24', 'fd00::1/64']).map(formatIp)).toEqual([
    '10.1.0.2',
    '10.1.0.3',
    'fd00::1',
  ]);
  expect(refusal(net.ips, ['10.1.0.2', 'x/24'])).toBe('cannot use it: [1]: "x/24" is not an IP address');
});

describe('a MAC address', () => {
  test('that says nothing is none', () => {
    expect(parse(net.mac, '')).toBeUndefined();
  });

  test('is one that an interface may have', () => {
    expect(parse(net.mac, '0A-1b-2c-3d-4e-5f')).toEqual(Uint8Array.of(0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f));
    for (const text of ['01:00:5e:00:00:01', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00', '0a:1b']) {
      expect(refusal(net.mac, text)).toContain(`"${text}" is not a MAC address that an interface may have`);
    }
  });
});

describe('a route', () => {
  const schema = net.route;

  test('has all that CNI 1.1.0 gives it', () => {
    const route = {
      dst: '10.9.0.0/16',
      gw: '10.1.0.1',
      mtu: 1400,
      advmss: 1360,
      priority: 4294967295,
      table: 0,
      scope: 255,
    };
    const { dst, gw, ...rest } = parse(schema, route);
    expect([formatCidr(dst), gw && formatIp(gw)]).toEqual(['10.9.0.0/16', '10.1.0.1']);
    expect(rest).toEqual({ mtu: 1400, advmss: 1360, priority: 4294967295, table: 0, scope: 255 });
  });

  test('needs its destination alone', () => {
    expect(parse(schema, { dst: '::/0', gw: '' }).gw).toBeUndefined();
    expect(refusal(schema, { gw: '10.1.0.1' })).toBe('cannot use it: dst is missing');
  });

  test.each([
    [{ mtu: 65536 }, 'mtu: must be at most 65535, found 65536'],
    [{ advmss: -1 }, 'advmss: must be at least 0, found -1'],
    [{ priority: 4294967296 }, 'priority: must be at most 4294967295, found 4294967296'],
    [{ table: 1.5 }, 'table: expected a whole number, found 1.5'],
    [{ scope: 256 }, 'scope: must be at most 255, found 256'],
  ])('refuses %j', (more, reason) => {
    expect(refusal(schema, { dst: '::/0', ...more })).toBe(`cannot use it: ${reason}`);
  });
});

describe('an object', () => {
  const schema = object({ a: text }, { b: object({ c: text }) });

  test('has the keys that are there and known', () => {
    expect(parse(schema, { a: 'x', b: { c: 'y', d: 1 }, e: 2 })).toEqual({ a: 'x', b: { c: 'y' } });
    expect(parse(schema, { a: 'x' })).toEqual({ a: 'x' });
  });

  test('needs those that are required, at whatever depth', () => {
    expect(refusal(schema, {})).toBe('cannot use it: a is missing');
    expect(refusal(schema, { a: 'x', b: {} })).toBe('cannot use it: b.c is missing');
  });

  test.each([['text'], [7], [null], [[]]])('is not %j', (input) => {
    expect(refusal(options({ a: text }), input)).toStartWith('cannot use it: expected an object, found ');
  });

  test('knows its own keys alone, not those that every object has', () => {
    const input = JSON.parse('{"__proto__":{"a":"evil"},"constructor":1,"toString":2}') as object;
    expect(Object.keys(parse(options({ a: text }), input))).toEqual([]);
    expect(parse(options({ a: text }), input).a).toBeUndefined();
  });
});

describe('a list', () => {
  const schema = list(object({ a: text }));

  test('has each entry parsed', () => {
    expect(parse(schema, [{ a: 'x', b: 1 }, { a: 'y' }])).toEqual([{ a: 'x' }, { a: 'y' }]);
    expect(parse(schema, [])).toEqual([]);
    expect(parse(list(list(text)), [['x'], [], ['y', 'z']])).toEqual([['x'], [], ['y', 'z']]);
  });

  test('names the entry that is off', () => {
    expect(refusal(schema, [{ a: 'x' }, {}])).toBe('cannot use it: [1].a is missing');
    expect(refusal(list(list(text)), [['x', 7]])).toBe('cannot use it: [0][1]: expected a string, found 7');
  });

  test.each([['text'], [7], [null], [{}]])('is not %j', (input) => {
    expect(refusal(schema, input)).toStartWith('cannot use it: expected a list, found ');
  });

  test('may be long', () => {
    const entries = Array.from({ length: 5000 }, (_, at) => ({ a: String(at) }));
    expect(parse(schema, entries)).toHaveLength(5000);
  });

  test('that is long and wrong throughout is not looked at to its end', () => {
    const entries: number[] = Array(1_000_000).fill(7);
    const first = [0, 1, 2, 3, 4].map((at) => `[0][${at}]: expected a string, found 7`);
    expect(refusal(list(list(text)), [entries, entries])).toBe(`cannot use it: ${first.join('; ')} (and 15 more)`);
  });
});
