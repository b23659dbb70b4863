import { describe, expect, test } from 'bun:test';
import { dataDirOf, ipamSchema, ipRangesSchema } from '../../../src/ipam/config.ts';
import { parseWith } from '../../../src/schema/explain.ts';
import { faultOf, ip } from './support.ts';

const parse = (section: object) =>
  parseWith(ipamSchema, { type: 'host-local', ...section }, 'the configuration', 'config');

describe('the ipam section', () => {
  test('keeps every key that means something, and drops the rest', () => {
    const section = parse({
      subnet: '10.1.0.0/24',
      rangeStart: '10.1.0.10',
      rangeEnd: '10.1.0.20',
      gateway: '10.1.0.254',
      exclude: ['10.1.0.12/31'],
      ranges: [[{ subnet: 'fd00::/64' }]],
      routes: [{ dst: '0.0.0.0/0' }],
      dataDir: '/run/x',
      resolvConf: '/etc/resolv.conf',
      somethingElse: 1,
    });
    expect(section).toMatchObject({ type: 'host-local', rangeStart: ip('10.1.0.10'), gateway: ip('10.1.0.254') });
    expect(section.ranges?.[0]?.[0]?.subnet).toEqual({ ip: ip('fd00::'), prefix: 64 });
    expect(section.routes).toHaveLength(1);
    expect(Object.keys(section)).not.toContain('somethingElse');
  });

  test("an empty address, Go's zero value, says nothing", () => {
    const section = parse({ rangeStart: '', rangeEnd: '', gateway: '' });
    expect(Object.values(section).filter((value) => value !== undefined)).toEqual(['host-local']);
  });

  test.each([
    [{ ranges: [[{ subnet: '10.1.0.0' }]] }, 'ranges[0][0].subnet'],
    [{ ranges: [[{ rangeStart: '10.1.0.1' }]] }, 'ranges[0][0].subnet is missing'],
    [{ ranges: [{ subnet: '10.1.0.0/24' }] }, 'ranges[0]: expected a list'],
    [{ subnet: '10.1.0.0/24', gateway: '10.1.0.256' }, 'gateway: "10.1.0.256" is not an IP address'],
    [{ exclude: ['10.1.0.1'] }, 'exclude[0]'],
    [{ dataDir: 5 }, 'dataDir: expected a string, found 5'],
    [{ routes: {} }, 'routes: expected a list'],
  ])('refuses %j and names the key', (section, complaint) => {
    const fault = faultOf(() => parse(section));
    expect(fault.kind).toBe('config');
    expect(fault.message).toContain(complaint);
  });
});

test('the capability ipRanges is a list of lists', () => {
  expect(parseWith(ipRangesSchema, [[{ subnet: '10.1.0.0/24' }], []], 'it', 'config')).toHaveLength(2);
  expect(faultOf(() => parseWith(ipRangesSchema, [[{ subnet: 'x' }]], 'it', 'config')).message).toContain(
    '[0][0].subnet',
  );
});

test('the data directory is the reference’s unless one is given', () => {
  expect(dataDirOf({})).toBe('/var/lib/cni/networks');
  expect(dataDirOf({ dataDir: '' })).toBe('/var/lib/cni/networks');
  expect(dataDirOf({ dataDir: '/run/x' })).toBe('/run/x');
});
