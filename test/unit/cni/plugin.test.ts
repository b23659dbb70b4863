/** A call from environment and stdin to one object on stdout and an exit status, as far as the kernel is not needed. */

import { describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import type { Variables } from '../../../src/cni/environment.ts';
import { type Plugin, runPlugin } from '../../../src/cni/plugin.ts';
import { VERSIONS } from '../../../src/cni/versions.ts';
import { runBridgeCommand } from '../../../src/plugins/bridge/bridge-plugin.ts';
import { withIpamHost } from '../../../src/plugins/bridge/host.ts';
import { ipamPlugin } from '../../../src/plugins/ipam/ipam-plugin.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { ADD } from '../plugins/bridge/requests.ts';

const runIpamCommand = ipamPlugin(withIpamHost);

interface Outcome {
  readonly status: number;
  /** What was written in how many pieces. */
  readonly written: readonly string[];
  readonly object: Record<string, unknown> | undefined;
  readonly said: string;
}

/**
 * One call. `input` is text, an object to be sent as JSON, or what reading fails with. The first `lost` pieces that it writes
 * cannot be written.
 */
function call(variables: Variables, input: string | object, plugin: Plugin = runBridgeCommand, lost = 0): Outcome {
  const written: string[] = [];
  let said = '';
  const status = runPlugin({
    plugin,
    variables,
    readInput() {
      if (input instanceof Error) throw input;
      return typeof input === 'string' ? input : JSON.stringify(input);
    },
    write(text) {
      if (lost-- > 0) throw new Error('the disk is full');
      written.push(text);
    },
    writeError: (text) => {
      said += text;
    },
  });
  const object = written.length === 0 ? undefined : (JSON.parse(written.join('')) as Record<string, unknown>);
  return { status, written, object, said };
}

function expectError(outcome: Outcome, error: object): void {
  expect(outcome).toMatchObject({ status: 1, object: error });
  expect(outcome.written).toHaveLength(1);
  expect(outcome.written[0]).toEndWith('}\n');
  expect(outcome.said).toBe('');
}

describe('VERSION', () => {
  const version = { CNI_COMMAND: 'VERSION' };

  test.each<[string, string | object, string]>([
    ['a version of ours', { cniVersion: '0.4.0' }, '0.4.0'],
    ['a configuration that cannot be used', { cniVersion: '1.0.0', name: 'x', mtu: 'rubbish' }, '1.0.0'],
    ['a version of somebody else', { cniVersion: '9.9.9' }, '1.1.0'],
    ['a version that is none', { cniVersion: 7 }, '1.1.0'],
    ['no version', {}, '1.1.0'],
    ['nothing', '', '1.1.0'],
    ['rubbish', 'rubbish', '1.1.0'],
    ['an error', new Error('stdin is closed'), '1.1.0'],
  ])('answers whatever stands on stdin: %s', (_, input, cniVersion) => {
    const outcome = call(version, input);
    expect(outcome).toMatchObject({ status: 0, object: { cniVersion, supportedVersions: [...VERSIONS] }, said: '' });
    expect(outcome.written).toHaveLength(1);
  });

  test('is the same for the IPAM plugin', () => {
    expect(call(version, {}, runIpamCommand).object).toEqual(call(version, {}).object ?? {});
  });
});

describe('an error is one object and status 1', () => {
  test.each<[string, Variables, string | object, object]>([
    ['no command', {}, {}, { code: 4, msg: 'CNI_COMMAND: it is missing' }],
    ['no container', { ...ADD, CNI_CONTAINERID: '' }, {}, { code: 4, cniVersion: '1.1.0' }],
    ['no stdin', ADD, '', { code: 6, msg: 'cannot read the configuration: stdin is empty' }],
    ['no JSON', ADD, '{', { code: 6, cniVersion: '1.1.0' }],
    ['a list', ADD, '[]', { code: 6 }],
    ['an unknown version', ADD, { cniVersion: '2.0.0', name: 'x' }, { code: 1, cniVersion: '1.1.0' }],
    ['a wrong type', ADD, { cniVersion: '0.3.1', name: 'x', mtu: 'x' }, { code: 7, cniVersion: '0.3.1' }],
    ['no name', ADD, { cniVersion: '1.0.0' }, { code: 7, cniVersion: '1.0.0' }],
    ['CNI_ARGS', { ...ADD, CNI_ARGS: 'x' }, { cniVersion: '1.0.0', name: 'x' }, { code: 4, cniVersion: '1.0.0' }],
    ['a defect', ADD, new TypeError('x is not a function'), { code: 100, msg: 'x is not a function' }],
  ])('%s', (_, variables, input, error) => {
    expectError(call(variables, input), error);
  });

  test('without a stack, unless that is asked for', () => {
    const error = new TypeError('a defect');
    expect(call(ADD, error).said).toBe('');
    const asked = call({ ...ADD, TRESTLE_STACK: '1' }, error);
    expect(asked).toMatchObject({ status: 1, object: { code: 100, msg: 'a defect' } });
    expect(asked.said).toContain('plugin.test.ts');
  });
});

test('what is logged goes to stderr', () => {
  const outcome = call({ ...ADD, CNI_COMMAND: 'CHECK' }, { cniVersion: '0.3.1', name: 'x', isgateway: true });
  expect(outcome.object).toMatchObject({ code: 1 });
  expect(outcome.said).toStartWith('trestle: warn: the key "isgateway" is taken for "isGateway"');
});

describe('the IPAM plugin', () => {
  test('prints the result of ADD, and nothing for the others', () => {
    const ipam = { type: 'trestle-ipam', dataDir: scratchDirectory(), ranges: [[{ subnet: '10.1.0.0/24' }]] };
    const config = { cniVersion: '1.1.0', name: 'x', ipam };
    const run = (command: string, more: object = {}) =>
      call({ ...ADD, CNI_COMMAND: command }, { ...config, ...more }, runIpamCommand);
    const added = run('ADD');
    const result = { cniVersion: '1.1.0', ips: [{ address: '10.1.0.2/24', gateway: '10.1.0.1' }] };
    expect([added.status, added.object]).toEqual([0, result]);
    expect(added.written).toHaveLength(1);
    const others = [run('CHECK', { prevResult: added.object }), run('STATUS'), run('GC'), run('DEL'), run('DEL')];
    expect(others.map(({ status, written }) => [status, written])).toEqual(Array.from({ length: 5 }, () => [0, []]));
    expectError(run('CHECK', { prevResult: added.object }), { code: 105, cniVersion: '1.1.0' });
  });

  test('takes an address back whose result cannot be written', () => {
    const dataDir = scratchDirectory();
    const ipam = { type: 'trestle-ipam', dataDir, ranges: [[{ subnet: '10.1.0.0/24' }]] };
    const add = (lost: number) => call(ADD, { cniVersion: '1.1.0', name: 'x', ipam }, runIpamCommand, lost);
    expectError(add(1), { code: 5, msg: 'cannot write the result: the disk is full' });
    expect(readdirSync(`${dataDir}/x`).sort()).toEqual(['last_reserved_ip.0', 'lock']);
    const silent = add(2);
    expect([silent.status, silent.written]).toEqual([1, []]);
    expect(silent.said).toBe(
      'trestle: error: cannot write the result: the disk is full; cannot write that to standard output: the disk is full\n',
    );
    expect(readdirSync(`${dataDir}/x`).sort()).toEqual(['last_reserved_ip.0', 'lock']);
    expect(add(0).status).toBe(0);
  });
});
