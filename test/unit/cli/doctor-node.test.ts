/** What doctor reads of the whole machine: planted in a made-up /proc, a made-up log, made-up runtimes, never on the machine. */

import { describe, expect, test } from 'bun:test';
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { word } from '../../../src/cli/doctor/command-lines.ts';
import type { Examination, Finding, Runtime, Section } from '../../../src/cli/doctor/examination.ts';
import { examineAll } from '../../../src/cli/doctor/examine.ts';
import { readKernelRecords } from '../../../src/cli/doctor/kernel-records.ts';
import { configurations } from '../../../src/cli/doctor/sections/configurations.ts';
import { kernel } from '../../../src/cli/doctor/sections/kernel.ts';
import { kernelLog } from '../../../src/cli/doctor/sections/kernel-log.ts';
import { permissions } from '../../../src/cli/doctor/sections/permissions.ts';
import { plugins } from '../../../src/cli/doctor/sections/plugins.ts';
import { runtimeSection } from '../../../src/cli/doctor/sections/runtime.ts';
import { tables } from '../../../src/cli/doctor/sections/tables.ts';
import { readConfigurations } from '../../../src/cli/inventory/configurations.ts';
import type { Inventory } from '../../../src/cli/inventory/inventory.ts';
import { connect } from '../../../src/netlink/connection.ts';
import type { Node } from '../../../src/resources/node.ts';
import { EADDRNOTAVAIL, EOPNOTSUPP } from '../../../src/sys/errno.ts';
import { run } from '../../support/process.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { fakeKernel, verdict } from '../netlink/fake-kernel.ts';

type Proc = Record<string, string>;

const HEALTHY: Proc = {
  'sys/user/max_net_namespaces': '96365',
  'sys/user/max_mnt_namespaces': '96365',
  'sys/net/ipv4/neigh/default/gc_thresh3': '1024',
  'sys/net/ipv6/neigh/default/gc_thresh3': '1024',
  'net/stat/arp_cache': 'entries  allocs\n00000007  0000\n00000007  0000',
  'net/stat/ndisc_cache': 'entries  allocs\n00000009  0000',
  'sys/net/netfilter/nf_conntrack_count': '100',
  'sys/net/netfilter/nf_conntrack_max': '65536',
  'self/status': 'CapEff:\t000001ffffffffff\n',
  uptime: '200000.50 1.0',
};

/** A kernel that knows these kinds of interfaces. */
function nodeWith(kinds: readonly string[]): Node {
  const route = connect(
    fakeKernel((messages) =>
      messages.map((message) => {
        const sent = Buffer.from(message.payload).toString('latin1');
        return [verdict(message, kinds.some((kind) => sent.includes(kind)) ? EADDRNOTAVAIL : EOPNOTSUPP)];
      }),
    ),
  );
  return { route } as unknown as Node;
}

function examinationOf(proc: Proc, changes: Partial<Examination> = {}): Examination {
  const inventory: Inventory = { configurations: [], dataDirs: [], networks: [], attachments: [], links: [] };
  return {
    node: nodeWith(['veth', 'bridge']),
    inventory,
    variables: {},
    confDir: '/nonexistent',
    binDirs: ['/nonexistent'],
    cacheDir: '/nonexistent',
    readProc: (path) => proc[path],
    kernelLog: undefined,
    runtimes: [],
    ...changes,
  };
}

/** The made-up /proc after a command line, whose `sysctl -w` sets something there. */
function afterwards(proc: Proc, fix: string): Proc {
  const after = { ...proc };
  for (const [, room, name = '', value = ''] of fix.matchAll(/\b(net|user)[./]([\w./]+)=(\S+)/g))
    after[`sys/${room}/${name.replaceAll('.', '/')}`] = value;
  return after;
}

describe('parameters of the kernel', () => {
  const planted: readonly (readonly [name: string, section: Section, code: string, level: string, Proc])[] = [
    ['ARP nearly full', tables, 'neighbour-table-full', 'warning', { 'net/stat/arp_cache': 'entries\n00000340 0' }],
    ['ARP full', tables, 'neighbour-table-full', 'error', { 'net/stat/arp_cache': 'entries\n000003ff 0' }],
    ['NDP full', tables, 'neighbour-table-full', 'error', { 'net/stat/ndisc_cache': 'entries\n00000400 0' }],
    ['conntrack nearly full', tables, 'conntrack-full', 'warning', { 'sys/net/netfilter/nf_conntrack_count': '60000' }],
    ['conntrack full', tables, 'conntrack-full', 'error', { 'sys/net/netfilter/nf_conntrack_count': '65536' }],
    ['no netns allowed', kernel, 'namespaces-limited', 'error', { 'sys/user/max_net_namespaces': '0' }],
    ['few netns allowed', kernel, 'namespaces-limited', 'error', { 'sys/user/max_net_namespaces': '5' }],
    ['no mount namespace allowed', kernel, 'namespaces-limited', 'error', { 'sys/user/max_mnt_namespaces': '0' }],
  ];
  for (const [name, section, code, level, change] of planted) {
    test(`${code}: ${name}`, () => {
      expect(section.examine(examinationOf(HEALTHY)).findings).toEqual([]);
      const proc = { ...HEALTHY, ...change };
      const { findings } = section.examine(examinationOf(proc));
      expect(findings).toMatchObject([{ code, level }]);
      expect(section.examine(examinationOf(afterwards(proc, (findings[0] as Finding).fix))).findings).toEqual([]);
    });
  }

  test('a network namespace that shows none of them has no finding', () => {
    expect(tables.examine(examinationOf({}))).toEqual({
      summary: 'this network namespace shows no limits',
      findings: [],
    });
  });

  test('a kernel without a kind of interface', () => {
    const { findings } = kernel.examine(examinationOf(HEALTHY, { node: nodeWith(['bridge']) }));
    expect(findings).toMatchObject([{ code: 'interface-kind-missing', subject: 'veth', fix: 'modprobe veth' }]);
  });
});

describe("the kernel's log", () => {
  /** Uptime is 200,000 s, so that these are of the last day, or not. */
  const [now, old] = [199_000_000_000, 100_000_000];
  const record = (text: string, time = now, priority = 4) => `${priority},17,${time},-;${text}\n DEVICE=+x\n`;
  const log = (...records: string[]) => {
    const file = join(scratchDirectory(), 'kmsg');
    writeFileSync(file, record('eth0: link becomes ready') + records.join(''));
    return file;
  };
  const lines: readonly (readonly [code: string, line: string, fix: string])[] = [
    [
      'log-conntrack-full',
      'nf_conntrack: nf_conntrack: table full, dropping packet',
      'sysctl -w net.netfilter.nf_conntrack_max=131072 && dmesg --clear',
    ],
    [
      'log-neighbour-overflow',
      'neighbour: arp_cache: neighbor table overflow!',
      'sysctl -w net.ipv4.neigh.default.gc_thresh3=2048 && dmesg --clear',
    ],
    [
      'log-duplicate-address',
      'IPv6: cni0: IPv6 duplicate address fd00::1 used by 02:00:00:00:00:01 detected!',
      'ip -6 address delete fd00::1 dev cni0 && dmesg --clear',
    ],
    [
      'log-own-address',
      'cni0: received packet on veth12 with own address as source address (addr:02:00:00:00:00:01, vlan:0)',
      'bridge link set dev veth12 hairpin off && dmesg --clear',
    ],
    [
      'log-martian',
      'IPv4: martian source 10.89.0.2 from 203.0.113.1, on dev eth0.5',
      'sysctl -w net/ipv4/conf/eth0.5/rp_filter=2 && dmesg --clear',
    ],
  ];
  for (const [code, line, fix] of lines) {
    test(code, () => {
      const at = (...records: string[]) =>
        kernelLog.examine(examinationOf(HEALTHY, { kernelLog: log(...records) })).findings;
      expect(at(record(line), record(line))).toMatchObject([
        { code, fix, level: 'warning', evidence: `2 lines, the last 16m40s ago: ${line}` },
      ]);
      expect(at(record(line, old))).toEqual([]);
      expect(at(record(line, now, 30))).toEqual([]);
      expect(at(`6,1,${now},-;a line\n ${line}\n`)).toEqual([]);
    });
  }

  test('the name of a container’s interface cannot become a command', () => {
    const line = 'IPv6: ;reboot: IPv6 duplicate address fd00::1 used by 02:00:00:00:00:01 detected!';
    const { findings } = kernelLog.examine(examinationOf(HEALTHY, { kernelLog: log(record(line)) }));
    expect(findings[0]?.fix).toBe("ip -6 address delete fd00::1 dev ';reboot' && dmesg --clear");
  });

  test('is not read in another network namespace', () => {
    expect(kernelLog.examine(examinationOf(HEALTHY)).summary).toContain('not read');
  });

  test('a log of many records is read whole, and the machine’s own without waiting', () => {
    const many = Array.from({ length: 20_000 }, (_, at) => record(`martian ${at}`)).join('');
    const file = log(many);
    expect(readKernelRecords(file, /martian/)).toHaveLength(20_000);
    expect(readKernelRecords('/dev/kmsg', /^never matches$/)).toEqual([]);
  });
});

describe('runtimes', () => {
  const containerd = (version: string): Runtime => ({
    name: 'containerd',
    evidence: '/run/containerd/containerd.sock is there',
    version: () => version,
  });

  /** A directory of configurations, and one of plugins that has these. */
  function place(files: Record<string, object>, types: readonly string[]) {
    const directory = scratchDirectory();
    const [confDir, binDir] = [join(directory, 'net.d'), join(directory, 'bin')];
    mkdirSync(confDir);
    mkdirSync(binDir);
    for (const [name, json] of Object.entries(files)) writeFileSync(join(confDir, name), JSON.stringify(json));
    for (const type of types) symlinkSync('/usr/bin/true', join(binDir, type));
    const examine = (section: Section, runtimes: readonly Runtime[]) => {
      const empty = examinationOf(HEALTHY);
      const inventory = { ...empty.inventory, configurations: readConfigurations(confDir) };
      return section.examine({ ...empty, inventory, confDir, binDirs: [binDir], runtimes }).findings;
    };
    return { confDir, binDir, examine };
  }

  const list = (name: string, cniVersion: string) => ({
    cniVersion,
    name,
    plugins: [{ type: 'trestle', bridge: name }],
  });

  test('plugin-missing: loopback, where a runtime needs it', () => {
    const { binDir, examine } = place({ '10-a.conflist': list('a', '1.0.0') }, ['trestle']);
    expect(examine(plugins, [])).toEqual([]);
    expect(examine(plugins, [{ ...containerd('2.0.0'), name: 'kubelet' }])).toEqual([]);
    const findings = examine(plugins, [containerd('2.0.0')]);
    expect(findings).toMatchObject([{ code: 'plugin-missing', subject: 'loopback' }]);
    expect((findings[0] as Finding).fix).toBe(`mkdir -p ${binDir} && ln -s /usr/lib/cni/loopback ${binDir}/loopback`);
    run(['sh', '-c', (findings[0] as Finding).fix]);
    expect(examine(plugins, [containerd('2.0.0')])).toEqual([]);
  });

  test('configuration-unused: a runtime that takes the first alone', () => {
    const { confDir, examine } = place(
      { '10-a.conflist': list('a', '1.0.0'), '20-b.conflist': list('b', '1.0.0') },
      [],
    );
    expect(examine(configurations, [])).toEqual([]);
    const findings = examine(configurations, [containerd('2.0.0')]);
    expect(findings).toMatchObject([{ code: 'configuration-unused', subject: `${confDir}/20-b.conflist` }]);
    run(['sh', '-c', (findings[0] as Finding).fix]);
    expect(examine(configurations, [containerd('2.0.0')])).toEqual([]);
  });

  test('version-not-spoken: an older containerd and the latest version', () => {
    const { examine } = place({ '10-a.conflist': list('a', '1.1.0') }, ['trestle', 'loopback']);
    expect(examine(plugins, [containerd('2.0.1')])).toEqual([]);
    const findings = examine(plugins, [containerd('1.6.20')]);
    expect(findings).toMatchObject([
      { code: 'version-not-spoken', what: expect.stringContaining('containerd 1.6.20') },
    ]);
    run(['sh', '-c', (findings[0] as Finding).fix]);
    expect(examine(plugins, [containerd('1.6.20')])).toEqual([]);
  });

  test('results-stale: not where the container is there, or the result is young', () => {
    const cacheDir = scratchDirectory();
    mkdirSync(join(cacheDir, 'results'));
    const put = (containerId: string, sandbox: string, time: Date) => {
      const file = join(cacheDir, 'results', `pods-${containerId}-eth0`);
      const result = { interfaces: [{ name: 'veth1' }, { name: 'eth0', sandbox }] };
      writeFileSync(
        file,
        JSON.stringify({ kind: 'cniCacheV1', containerId, ifName: 'eth0', networkName: 'pods', result }),
      );
      utimesSync(file, time, time);
      return file;
    };
    put('living', '/proc/self/ns/net', new Date(0));
    put('young', '/nonexistent', new Date());
    const gone = put('gone', '/nonexistent', new Date(0));
    writeFileSync(join(cacheDir, 'results', 'other'), 'of another program');
    const empty = examinationOf(HEALTHY);
    const inventory = { ...empty.inventory, networks: [{ network: 'pods', dataDir: '/nonexistent' }] };
    const { findings } = runtimeSection.examine({ ...empty, inventory, cacheDir });
    expect(findings).toMatchObject([{ code: 'results-stale', fix: `rm ${gone}` }]);
    expect(runtimeSection.examine({ ...empty, cacheDir }).findings).toEqual([]);
  });

  test('are told in the summary', () => {
    const examination = examinationOf(HEALTHY, { runtimes: [containerd('2.0.0')] });
    expect(runtimeSection.examine(examination)).toEqual({
      summary: 'containerd; 0 results in /nonexistent',
      findings: [],
    });
  });
});

describe('the frame', () => {
  const good: Section = { name: 'good', examine: () => ({ summary: 'well', findings: [] }) };

  test('a section that throws is a finding, and the others are examined', () => {
    const broken: Section = {
      name: 'broken',
      examine() {
        throw new Error('no such luck');
      },
    };
    const examined = examineAll([broken, good], examinationOf(HEALTHY));
    expect(examined.map(({ section }) => section.name)).toEqual(['broken', 'good']);
    expect(examined[0]?.findings).toMatchObject([
      { code: 'section-failed', level: 'error', evidence: 'no such luck', fix: 'trestle doctor --section broken' },
    ]);
  });

  test('nothing is examined without the capabilities', () => {
    const proc = { ...HEALTHY, 'self/status': 'CapEff:\t00000000a80425fb\n' };
    const netns = { path: '/proc/self/ns/net', fd: -1, device: 0, inode: 0 };
    const examination = examinationOf(proc, { node: { netns } as unknown as Node });
    const examined = examineAll([permissions, good], examination);
    expect(examined).toHaveLength(1);
    expect(examined[0]?.findings[0]).toMatchObject({
      code: 'capability-missing',
      what: expect.stringContaining('CAP_NET_ADMIN and CAP_SYS_ADMIN'),
    });
  });

  test('words of a command line survive a shell', () => {
    for (const text of ['/etc/a b', "it's", '$HOME', 'plain', 'a;b', '*']) {
      expect(run(['sh', '-c', `printf %s ${word(text)}`])).toBe(text);
    }
  });
});
