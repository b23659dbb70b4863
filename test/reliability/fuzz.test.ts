/**
 * Inputs that nobody meant: whatever comes in, there is one valid CNI object or success, within a second of processor time,
 * and no message longer than a screen. TRESTLE_SEED repeats a run.
 */

import { describe, expect, test } from 'bun:test';
import { rmSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { readEnvironment } from '../../src/cni/environment.ts';
import { type CniError, cniErrorOf } from '../../src/cni/error.ts';
import { runPlugin } from '../../src/cni/plugin.ts';
import { decodeResult } from '../../src/cni/result.ts';
import { parseInput } from '../../src/cni/stdio.ts';
import * as ipam from '../../src/ipam/index.ts';
import { decodeLease, encodeLease, holderText } from '../../src/ipam/lease.ts';
import { createRecord, decodeRecord, encodeRecord } from '../../src/ipam/record.ts';
import { parseResolvConf } from '../../src/ipam/resolv-conf.ts';
import { silentLog } from '../../src/log.ts';
import { connect } from '../../src/netlink/connection.ts';
import { decodeElements } from '../../src/netlink/nft/set.ts';
import { decodeRoute } from '../../src/netlink/route/route.ts';
import { planOf } from '../../src/plugins/allocation.ts';
import { withIpamHost } from '../../src/plugins/bridge/host.ts';
import { readMainRequest } from '../../src/plugins/bridge/request.ts';
import { ipamPlugin } from '../../src/plugins/ipam/ipam-plugin.ts';
import { findAddresses, findLink, findLinks } from '../../src/resources/links.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { host, owner, plan } from '../unit/ipam/fixtures.ts';
import { fakeKernel } from '../unit/netlink/fake-kernel.ts';
import { bytesOf, messageOf } from '../unit/netlink/fixture.ts';
import { isFull, SWEEP_TIMEOUT_MS, tell } from './support/form.ts';
import { chooseFuzzSeed, confined, FUZZED_ADD, FUZZED_CONFIG, FUZZED_RESULT } from './support/inputs.ts';
import { garbled, garbledBytes, nearly, nearlyText } from './support/rubbish.ts';

const SEED = chooseFuzzSeed();
/** Of 1,000, in the short form. */
const SCALE = isFull ? 25 : 1;
/** The object as it is printed: a screen has 25 lines of 80. */
const SCREEN = 2_000;
const MOST_CPU_SECONDS = 1;
/** For 4 MiB on stdin, of which reading alone takes a third; a busy machine counts more. */
const MOST_CPU_SECONDS_LARGE = 3;
let inputs = 0;

/** A property of so many thousandths of all inputs. */
function fuzz<T>(name: string, share: number, arbitrary: fc.Arbitrary<T>, check: (input: T) => void): void {
  const numRuns = share * SCALE;
  const property = fc.property(arbitrary, (input) => {
    const before = process.cpuUsage();
    check(input);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(MOST_CPU_SECONDS);
  });
  const run = () => {
    fc.assert(property, { seed: SEED, numRuns });
    inputs += numRuns;
    tell(`fuzz: ${name}: ${numRuns} inputs, all answered (${inputs} so far, seed ${SEED})`);
  };
  test(`${name}: ${numRuns} inputs`, run, SWEEP_TIMEOUT_MS);
}

/** What is thrown becomes an error object that says something, and no defect of ours. */
function told<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    expectError(cniErrorOf(error, '1.1.0'));
    return undefined;
  }
}

function expectError(error: CniError): void {
  expect([error.code !== 100, Number.isSafeInteger(error.code), error.msg !== '']).toEqual([true, true, true]);
  const printed = JSON.stringify(error);
  expect(JSON.parse(printed)).toEqual(error);
  expect(printed.length).toBeLessThan(SCREEN);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  expect(`${error.msg}${error.details ?? ''}`).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
}

const variables = fc.record({
  CNI_COMMAND: fc.constantFrom('ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION', 'add', ''),
  CNI_CONTAINERID: fc.oneof(
    fc.constant('c1'),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('../x', '.', 'a'.repeat(300)),
  ),
  CNI_NETNS: fc.constantFrom('', '/nonexistent/netns', '/dev/null', '/', 'x\0y', '/'.repeat(5000)),
  CNI_IFNAME: fc.oneof(fc.constant('eth0'), fc.string({ unit: 'binary' }), fc.constantFrom('..', 'a/b', 'eth%d')),
  CNI_ARGS: fc.oneof(
    garbled(fc.constant('IgnoreUnknown=1;K8S_POD_NAME=web;IP=10.1.0.9;MAC=02:00:00:00:00:09')),
    fc.string({ unit: 'binary', maxLength: 100 }),
    fc.constantFrom('IP=fd00::1/64', ';'.repeat(100_000), 'x=y', `IP=${'1'.repeat(100_000)}`, '__proto__=1'),
  ),
  CNI_PATH: fc.constantFrom('', '.', ':', '/nonexistent', '-x:--help'),
});

describe('what comes from outside', () => {
  fuzz('a configuration on stdin, read for the main plugin', 1600, nearlyText(FUZZED_CONFIG), (text) => {
    told(() => planOf(readMainRequest(readEnvironment(FUZZED_ADD), { text, json: parseInput(text) }, silentLog)));
  });

  fuzz('the environment, with CNI_ARGS', 800, variables, (given) => {
    told(() => readMainRequest(readEnvironment(given), { text: '', json: structuredClone(FUZZED_CONFIG) }, silentLog));
  });

  fuzz('a result of another plugin, or prevResult', 400, nearly(FUZZED_RESULT), (json) => {
    told(() => decodeResult(json as Record<string, unknown>, 'prevResult'));
  });
});

describe('whole calls of the IPAM plugin', () => {
  const dataDir = scratchDirectory();
  const calls = fc.tuple(variables, nearly({ ...FUZZED_CONFIG, prevResult: FUZZED_RESULT }));

  fuzz('environment and configuration', 500, calls, ([given, json]) => {
    const written: string[] = [];
    let said = '';
    const status = runPlugin({
      plugin: ipamPlugin(withIpamHost),
      variables: given,
      readInput: () => JSON.stringify(confined(json, dataDir)) ?? '',
      write: (text) => void written.push(text),
      writeError: (text) => {
        said += text;
      },
    });
    expect(written.length).toBeLessThan(2);
    const object = written[0] === undefined ? undefined : (JSON.parse(written[0]) as CniError);
    if (status === 0) expect(object).not.toHaveProperty('code');
    else expectError(object as CniError);
    for (const line of said.split('\n')) expect(line.length).toBeLessThan(SCREEN);
  });
});

describe('as much as may be', () => {
  const many = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
  const subnet = (at: number) => ({ subnet: `10.${at >> 14}.${(at >> 6) & 255}.${(at & 63) * 4}/30` });
  const base = { cniVersion: '1.1.0', name: 'pods' };
  const section = (more: object) => ({ ...base, ipam: { type: 'trestle-ipam', ranges: [[subnet(0)]], ...more } });
  const large: Record<string, object | string> = {
    'range sets': section({ ranges: many(50_000, (at) => [subnet(at)]) }),
    'pools of one set': section({ ranges: [many(50_000, subnet)] }),
    'as many ranges and exclusions as are allowed': section({
      ranges: many(1000, (at) => [subnet(at)]),
      exclude: many(1000, (at) => subnet(at * 7).subnet.replace('/30', '/32')),
    }),
    exclusions: section({ exclude: many(100_000, (at) => subnet(at).subnet) }),
    routes: section({ routes: many(100_000, () => ({ dst: '10.0.0.0/8' })) }),
    'routes that are none': section({ routes: many(100_000, () => ({ dst: 'x' })) }),
    'numbers for texts': { ...section({}), dns: { search: many(500_000, () => 1) } },
    'requested addresses': { ...section({}), runtimeConfig: { ips: many(100_000, () => '10.0.0.2') } },
    'keys that are nearly known': { ...section({}), ...Object.fromEntries(many(100_000, (at) => [`mtu${at}`, 1])) },
    'one text': section({ subnet: '1'.repeat(4_000_000) }),
    'one address of colons': section({ subnet: ':'.repeat(4_000_000) }),
    brackets: '['.repeat(4_000_000),
    'a list': `[${'1,'.repeat(1_900_000)}1]`,
    'white space': ' '.repeat(4_000_000),
  };

  test.each(Object.entries(large))('%s', (_, config) => {
    const text = typeof config === 'string' ? config : JSON.stringify(config);
    const before = process.cpuUsage();
    told(() => planOf(readMainRequest(readEnvironment(FUZZED_ADD), { text, json: parseInput(text) }, silentLog)));
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(MOST_CPU_SECONDS_LARGE);
  });
});

const RECORD = encodeRecord(
  createRecord(
    {
      ...owner('c1'),
      netns: { path: '/run/netns/x', device: 4, inode: 7 },
      hostVeth: 'vethx',
      pod: { name: 'web' },
      notes: { process: 1 },
    },
    ['10.1.0.2/24', 'fd00::2/64'],
    'boot-1',
    0,
  ),
);
const LEASE = encodeLease(owner('c1'));

describe('what lies on disk', () => {
  const recordText = fc.oneof(nearlyText(JSON.parse(RECORD) as object), garbled(fc.constant(RECORD)));
  const leaseText = fc.oneof(garbled(fc.constant(LEASE)), fc.string({ unit: 'binary', maxLength: 200 }));

  fuzz('a record', 300, recordText, (text) => {
    const record = told(() => decodeRecord(text, 'the record'));
    if (record !== undefined) expect(() => [encodeRecord(record), JSON.parse(encodeRecord(record))]).not.toThrow();
  });

  fuzz('a lease', 200, leaseText, (text) => {
    const holder = decodeLease(text);
    expect(holderText(text).length).toBeLessThan(SCREEN);
    if (holder !== undefined) expect(holder.containerId).not.toMatch(/[\s/]/);
  });

  const dataDir = scratchDirectory();
  ipam.leaseAddresses(plan(dataDir, ['10.1.0.0/24']), owner('c0'), host());

  fuzz('a store with a record and a lease of any content', 60, fc.tuple(recordText, leaseText), ([record, lease]) => {
    writeFileSync(`${dataDir}/.trestle/pods/c1:eth0`, record);
    rmSync(`${dataDir}/pods/10.1.0.2`, { force: true });
    writeFileSync(`${dataDir}/pods/10.1.0.2`, lease);
    told(() => ipam.findRecord(dataDir, owner('c1'), host()));
    told(() => ipam.verifyLeases(dataDir, owner('c1'), [], host()));
    told(() => ipam.planGarbage(dataDir, 'pods', [], host()));
    told(() => ipam.releaseAddresses(dataDir, owner('c1'), host()));
    const [lease2] = told(() => ipam.leaseAddresses(plan(dataDir, ['10.1.0.0/24']), owner('c2'), host())) ?? [];
    expect(lease2?.address.ip.family).toBe(4);
    expect(ipam.releaseAddresses(dataDir, owner('c2'), host())).toHaveLength(1);
  });

  const RESOLV_CONF = '# x\nnameserver 192.0.2.53\nsearch a b\ndomain c\noptions ndots:5\n';
  fuzz('resolv.conf', 200, garbled(fc.constant(RESOLV_CONF)), (text) => {
    const dns = parseResolvConf(text);
    for (const list of [dns.nameservers, dns.search, dns.options])
      for (const one of list ?? []) expect(one).not.toMatch(/\s/);
  });
});

describe('what the kernel says', () => {
  /** Refusals of bytes that make no sense are defects as far as the door knows: of the kernel, or of ours. */
  const decoded = (act: () => unknown) => {
    try {
      act();
    } catch (error) {
      const { code, msg } = cniErrorOf(error, '1.1.0');
      expect([100, 101]).toContain(code);
      expect(msg.length).toBeLessThan(SCREEN);
      expect(error).not.toBeInstanceOf(TypeError);
    }
  };

  for (const [file, section, ask] of [
    ['link-port', 'reply', (kernel: ReturnType<typeof connect>) => findLink(kernel, 'x')],
    ['link-bridge', 'reply', (kernel: ReturnType<typeof connect>) => findLinks(kernel)],
    ['address', 'IPv4', (kernel: ReturnType<typeof connect>) => findAddresses(kernel, 1, 4)],
  ] as const) {
    fuzz(`${file} in place of an answer`, 150, garbledBytes(bytesOf(file, section)), (bytes) => {
      decoded(() => ask(connect(fakeKernel((requests) => requests.map(() => bytes)))));
    });
  }

  fuzz('a route', 150, garbledBytes(messageOf('route', 'metric, mtu, advmss').payload), (bytes) =>
    decoded(() => decodeRoute(bytes)),
  );

  const elements = messageOf('nft-set-replies', 'elements');
  fuzz('elements of a set', 150, garbledBytes(elements.payload), (payload) =>
    decoded(() => decodeElements({ ...elements, payload })),
  );
});
