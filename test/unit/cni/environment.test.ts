import { describe, expect, test } from 'bun:test';
import { COMMANDS, readEnvironment, verifyIdentifier, verifyInterfaceName } from '../../../src/cni/environment.ts';
import { faultOf } from '../../support/fault.ts';
import { ADD } from '../plugins/bridge/requests.ts';

const read = (changes: Record<string, string | undefined>) => readEnvironment({ ...ADD, ...changes });

test('all of it', () => {
  const variables = { CNI_ARGS: 'IP=10.1.0.2', CNI_PATH: '/opt/cni/bin::/usr/lib/cni', OTHER: 'x' };
  expect(read(variables)).toEqual({
    command: 'ADD',
    containerId: 'abc',
    netns: '/run/netns/x',
    ifName: 'eth0',
    args: 'IP=10.1.0.2',
    allowOwnNetns: false,
    path: ['/opt/cni/bin', '/usr/lib/cni'],
    variables: { ...ADD, ...variables },
  });
});

test('what is not said is empty', () => {
  const nothing = { containerId: '', netns: '', ifName: '', args: '', allowOwnNetns: false, path: [] };
  for (const command of ['GC', 'STATUS', 'VERSION'] as const) {
    const variables = { CNI_COMMAND: command };
    expect(readEnvironment(variables)).toEqual({ command, ...nothing, variables });
  }
});

test.each([
  ['1', true],
  ['TRUE', true],
  ['true', true],
  ['True', true],
  [undefined, false],
  ['', false],
  ['0', false],
  ['false', false],
  ['yes', false],
  ['t', false],
  [' 1', false],
])('CNI_NETNS_OVERRIDE=%p: the own netns is allowed: %p', (value, allowed) => {
  expect(read({ CNI_NETNS_OVERRIDE: value }).allowOwnNetns).toBe(allowed);
});

describe('the command', () => {
  test.each([...COMMANDS])('%s', (command) => {
    expect(read({ CNI_COMMAND: command }).command).toBe(command);
  });

  test.each([
    [undefined, 'CNI_COMMAND: it is missing'],
    ['', 'CNI_COMMAND: it is missing'],
    ['add', 'CNI_COMMAND: the string "add" is not a CNI command'],
    ['ADD ', 'CNI_COMMAND: the string "ADD " is not a CNI command'],
  ])('%p is none', (command, message) => {
    const fault = faultOf(() => read({ CNI_COMMAND: command }));
    expect([fault.kind, fault.message]).toEqual(['environment', message]);
    expect(fault.details).toContain('ADD, DEL, CHECK, GC, STATUS, VERSION');
  });
});

describe('what is missing', () => {
  const three = 'CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME are missing from the environment';
  test.each([
    ['ADD', `cannot do ADD: ${three}`],
    ['CHECK', `cannot do CHECK: ${three}`],
    ['DEL', 'cannot do DEL: CNI_CONTAINERID, CNI_IFNAME are missing from the environment'],
  ])('all that %s needs is named', (command, message) => {
    const fault = faultOf(() => readEnvironment({ CNI_COMMAND: command }));
    expect([fault.kind, fault.message]).toEqual(['environment', message]);
  });

  test.each(['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'])('%s alone, absent or empty', (name) => {
    for (const value of [undefined, '']) {
      const { message } = faultOf(() => read({ [name]: value }));
      expect(message).toBe(`cannot do ADD: ${name} is missing from the environment`);
    }
  });

  test('DEL needs no netns', () => {
    expect(read({ CNI_COMMAND: 'DEL', CNI_NETNS: '' })).toMatchObject({ command: 'DEL', netns: '' });
  });
});

describe('a container ID', () => {
  test.each(['a', '0', 'A-b_c.d', 'x'.repeat(200), 'k8s.io-1'])('may be %s', (id) => {
    expect(read({ CNI_CONTAINERID: id }).containerId).toBe(id);
  });

  test.each(['.', '..', '-a', '_a', 'a/b', '../a', 'a b', 'a\0', 'a\n', 'ä', 'a:b', 'a\\b'])('may not be %j', (id) => {
    const fault = faultOf(() => read({ CNI_CONTAINERID: id }));
    expect(fault.kind).toBe('environment');
    expect(fault.message).toBe(`CNI_CONTAINERID is malformed: the string ${JSON.stringify(id)}`);
    expect(fault.details).toContain('must begin with a letter or digit');
  });

  test('may not be so long that no file can be named after it', () => {
    const fault = faultOf(() => read({ CNI_CONTAINERID: 'x'.repeat(201) }));
    expect(fault.message).toMatch(/^CNI_CONTAINERID is 201 characters long: the string "x{50,60}…$/);
    expect(fault.details).toContain('200');
  });

  test('is not looked at where there need be none', () => {
    expect(read({ CNI_COMMAND: 'STATUS', CNI_CONTAINERID: '../a' }).command).toBe('STATUS');
  });
});

describe('an interface name', () => {
  test.each(['e', 'eth0', 'x'.repeat(15), 'a.b-c_d', 'ü', '...'])('may be %s', (name) => {
    expect(read({ CNI_IFNAME: name }).ifName).toBe(name);
  });

  test.each([
    ['x'.repeat(16), 'it has 16 bytes, and an interface name has at most 15'],
    ['ü'.repeat(8), 'it has 16 bytes, and an interface name has at most 15'],
    ['.', 'no interface may have that name'],
    ['..', 'no interface may have that name'],
    ...['a/b', 'a:b', 'veth%d', 'a b', 'a\tb', 'a\nb', 'a\0b', 'a\u007f', 'a\u00a0b'].map(
      (name) => [name, 'it contains '] as const,
    ),
  ])('may not be %j', (name, reason) => {
    const fault = faultOf(() => read({ CNI_IFNAME: name }));
    expect(fault.kind).toBe('environment');
    expect(fault.message).toStartWith(`CNI_IFNAME is malformed: the string ${JSON.stringify(name)}: ${reason}`);
  });
});

test('names of the configuration are checked alike, and are the configuration’s fault', () => {
  expect(faultOf(() => verifyIdentifier('the name', 'a/b', 'config'))).toMatchObject({
    kind: 'config',
    message: 'the name is malformed: the string "a/b"',
  });
  expect(faultOf(() => verifyInterfaceName('the bridge', 'a/b', 'config')).kind).toBe('config');
});
