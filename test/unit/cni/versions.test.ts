import { describe, expect, test } from 'bun:test';
import { isAtLeast, parseVersion, VERSIONS, verifyCommandVersion } from '../../../src/cni/versions.ts';
import { faultOf } from '../../support/fault.ts';

test('all versions of the specification are spoken', () => {
  expect([...VERSIONS]).toEqual(['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0']);
  expect(VERSIONS.map((version) => parseVersion(version))).toEqual([...VERSIONS]);
});

test('a configuration that does not say means 0.1.0', () => {
  expect([parseVersion(undefined), parseVersion('')]).toEqual(['0.1.0', '0.1.0']);
});

test.each(['1.2.0', '0.0.1', '1.0', 'v1.0.0', '1.1.0 ', 1, null, {}])('%j is not spoken', (value) => {
  const fault = faultOf(() => parseVersion(value));
  expect([fault.kind, fault.message]).toEqual([
    'version',
    `cannot use the configuration: cniVersion ${JSON.stringify(value)} is not supported`,
  ]);
  expect(fault.details).toContain('0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0');
});

test('versions are in the order they came out', () => {
  expect(VERSIONS.map((version) => isAtLeast(version, '0.4.0'))).toEqual([
    false,
    false,
    false,
    false,
    true,
    true,
    true,
  ]);
});

describe('a command that came later', () => {
  test.each([
    ['CHECK', '0.4.0', 4],
    ['GC', '1.1.0', 6],
    ['STATUS', '1.1.0', 6],
  ])('%s since %s', (command, since, first) => {
    for (const version of VERSIONS.slice(first)) expect(() => verifyCommandVersion(command, version)).not.toThrow();
    for (const version of VERSIONS.slice(0, first)) {
      const fault = faultOf(() => verifyCommandVersion(command, version));
      expect(fault.kind).toBe('version');
      expect(fault.message).toBe(`config version does not allow ${command}`);
      expect(fault.details).toBe(`The configuration's cniVersion is ${version}; ${command} needs ${since} or later.`);
    }
  });

  test.each(['ADD', 'DEL'])('%s was always there', (command) => {
    for (const version of VERSIONS) expect(() => verifyCommandVersion(command, version)).not.toThrow();
  });
});
