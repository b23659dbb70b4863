/** `trestle doctor` and the node: each planted fault is found, alone, and its command line mends it. */

import { expect, test } from 'bun:test';
import { chmodSync, chownSync, mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMANDS } from '../../../src/cli/commands/index.ts';
import type { Artifact } from '../../support/artifacts.ts';
import { succeeded } from '../../support/cni.ts';
import { doctorPlace, type Examined, examine, type Finding, mend } from '../../support/doctor.ts';
import { iptables } from '../../support/iptables.ts';
import { exec, ipBatch, tryExec } from '../../support/netns.ts';
import { OUTSIDE_ADDRESS, type ScratchNode } from '../../support/node.ts';
import { operate } from '../../support/operator.ts';
import { SYSTEM_PATH } from '../../support/process.ts';
import { runtime } from '../../support/runtime.ts';
import { type Config, e2e, network } from '../support/network.ts';
import { CONFIGURATION, healthyNode } from './support/healthy-node.ts';

interface Fault {
  readonly name: string;
  readonly code: string;
  /** Replaces keys of the usual network. */
  readonly config?: Config;
  plant(node: ScratchNode, artifact: Artifact): void;
  /** What the command line of the finding must be; it must mend the fault, unless `mendByHand` does. */
  fix?(node: ScratchNode): string;
  /** Where no command can mend the fault, what the operator does. */
  mendByHand?(node: ScratchNode): void;
}

const sysctl = (node: ScratchNode, ...settings: string[]) => exec(node.ns, ['sysctl', '-q', '-w', ...settings]);
const nft = (node: ScratchNode, commands: string) => exec(node.ns, ['nft', '-f', '-'], { stdin: commands });
const conf = (node: ScratchNode, file: string) => join(node.confDir, file);
const write = (node: ScratchNode, file: string, text: string) => writeFileSync(conf(node, file), text);

function listOf(node: ScratchNode, changes: Config, ...others: Config[]): string {
  return JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins: [{ ...network(node), ...changes }, ...others] });
}

const FORWARDING: readonly Fault[] = [
  {
    name: 'IPv4 forwarding is off',
    code: 'forwarding-off',
    plant: (node) => sysctl(node, 'net.ipv4.ip_forward=0'),
    fix: () => 'sysctl -w net.ipv4.ip_forward=1',
  },
  {
    name: 'IPv6 forwarding is off, and the default route is advertised',
    code: 'forwarding-off',
    plant(node) {
      sysctl(node, 'net.ipv6.conf.all.forwarding=0');
      exec(node.ns, [
        'ip',
        '-6',
        'route',
        'replace',
        'default',
        'via',
        OUTSIDE_ADDRESS[6],
        'dev',
        'eth0',
        'proto',
        'ra',
      ]);
      sysctl(node, 'net.ipv6.conf.eth0.accept_ra=1');
    },
    fix: () => 'sysctl -w net.ipv6.conf.eth0.accept_ra=2 net.ipv6.conf.all.forwarding=1',
  },
  {
    name: 'the bridge does not forward',
    code: 'interface-forwarding-off',
    plant: (node) => sysctl(node, 'net.ipv4.conf.cni0.forwarding=0'),
  },
  {
    name: 'the uplink does not forward',
    code: 'interface-forwarding-off',
    plant: (node) => sysctl(node, 'net.ipv4.conf.eth0.forwarding=0'),
  },
  {
    name: 'the default route leaves by another link than its address is on, with a strict source check',
    code: 'reverse-path-filter',
    plant(node) {
      ipBatch(node.ns, 'link add out0 type veth peer name out1\n link set out0 up\n link set out1 up');
      ipBatch(node.ns, 'route replace default dev out0 src 203.0.113.2');
      sysctl(node, 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.eth0.rp_filter=1');
    },
    fix: () => 'sysctl -w net.ipv4.conf.eth0.rp_filter=2',
  },
  {
    name: 'the default route is advertised, and advertisements are ignored',
    code: 'advertisements-ignored',
    plant(node) {
      exec(node.ns, [
        'ip',
        '-6',
        'route',
        'replace',
        'default',
        'via',
        OUTSIDE_ADDRESS[6],
        'dev',
        'eth0',
        'proto',
        'ra',
      ]);
      sysctl(node, 'net.ipv6.conf.eth0.accept_ra=1');
    },
    fix: () => 'sysctl -w net.ipv6.conf.eth0.accept_ra=2',
  },
];

const FILTERS: readonly Fault[] = [
  ...(['nft', 'legacy'] as const).map((flavour) => ({
    name: `the policy of FORWARD becomes DROP (${flavour})`,
    code: 'forward-accept-lost',
    plant: (node: ScratchNode) => iptables(node.ns, flavour, '-P', 'FORWARD', 'DROP'),
  })),
  {
    name: 'a rule of FORWARD drops everything',
    code: 'forward-accept-lost',
    plant: (node) => iptables(node.ns, 'nft', '-A', 'FORWARD', '-j', 'DROP'),
  },
  {
    name: "another program's nftables chain drops what is forwarded",
    code: 'forward-dropped',
    plant: (node) =>
      nft(
        node,
        'table inet own { chain fw { type filter hook forward priority 0; policy drop; ct state established accept; }; }',
      ),
    fix: () => 'nft insert rule inet own fw iifname cni0 accept && nft insert rule inet own fw oifname cni0 accept',
  },
  {
    name: "another program's nftables chain drops before routing",
    code: 'forward-dropped',
    plant: (node) => nft(node, 'table ip own { chain pre { type filter hook prerouting priority 0; policy drop; }; }'),
  },
  {
    name: 'frames between ports of a bridge without gateway are dropped',
    code: 'bridged-frames-dropped',
    config: { isDefaultGateway: false, ipMasq: false },
    plant(node) {
      sysctl(node, 'net.bridge.bridge-nf-call-iptables=1', 'net.bridge.bridge-nf-call-ip6tables=1');
      iptables(node.ns, 'nft', '-P', 'FORWARD', 'DROP');
    },
  },
  {
    name: 'the ruleset is flushed',
    code: 'masquerade-lost',
    plant: (node) => nft(node, 'flush ruleset'),
  },
  {
    name: 'the MAC guard is deleted',
    code: 'guard-lost',
    config: { macspoofchk: true },
    plant: (node) => nft(node, 'delete table bridge trestle'),
  },
];

const CONFIGURATIONS: readonly Fault[] = [
  {
    name: 'JSON with a comma too many',
    code: 'configuration-broken',
    plant: (node) => write(node, '05-broken.conf', '{"name": "x",}'),
    mendByHand: (node) => rmSync(conf(node, '05-broken.conf')),
  },
  {
    name: 'a key in another case',
    code: 'key-misspelt',
    plant: (node) => write(node, CONFIGURATION, listOf(node, { isgateway: true })),
    fix: (node) => `sed -i 's/"isgateway"\\([[:space:]]*:\\)/"isGateway"\\1/g' ${conf(node, CONFIGURATION)}`,
  },
  {
    name: 'a misspelt key',
    code: 'key-misspelt',
    plant: (node) => write(node, CONFIGURATION, listOf(node, { hairpinMod: true })),
  },
  {
    name: 'a value that the plugin refuses',
    code: 'configuration-refused',
    plant: (node) => write(node, CONFIGURATION, listOf(node, { ipMasqBackend: 'pf' })),
    mendByHand: (node) => write(node, CONFIGURATION, listOf(node, {})),
  },
  {
    name: 'a key without effect',
    code: 'configuration-doubtful',
    plant: (node) => write(node, CONFIGURATION, listOf(node, { ipam: { ...ipamOf(node), gateway: '10.89.0.9' } })),
    mendByHand: (node) => write(node, CONFIGURATION, listOf(node, {})),
  },
  {
    name: 'two files with a network of one name',
    code: 'network-twice',
    plant: (node) => write(node, '20-again.conflist', listOf(node, {})),
    fix: (node) => `mv ${conf(node, '20-again.conflist')} ${conf(node, '20-again.conflist')}.disabled`,
  },
  {
    name: 'the main plugin is missing',
    code: 'plugin-missing',
    plant: (node) => rmSync(join(node.directory, 'bin/trestle')),
  },
  {
    name: 'a chained plugin is missing, and another directory has it',
    code: 'plugin-missing',
    plant: (node) => write(node, CONFIGURATION, listOf(node, {}, { type: 'portmap' })),
    fix: ({ directory }) => `mkdir -p ${directory}/bin && ln -s /usr/lib/cni/portmap ${directory}/bin/portmap`,
  },
  {
    name: 'a plugin is not executable',
    code: 'plugin-not-executable',
    plant(node) {
      writeFileSync(join(node.directory, 'bin/portmap'), '#!/bin/sh\necho \'{"supportedVersions":["1.0.0"]}\'\n', {
        mode: 0o644,
      });
      write(node, CONFIGURATION, listOf(node, {}, { type: 'portmap' }));
    },
  },
  {
    name: 'a plugin is damaged',
    code: 'plugin-broken',
    plant(node) {
      writeFileSync(join(node.directory, 'bin/portmap'), '\u007fELF', { mode: 0o755 });
      write(node, CONFIGURATION, listOf(node, {}, { type: 'portmap' }));
    },
  },
  {
    name: 'a plugin does not speak the version',
    code: 'version-not-spoken',
    plant(node) {
      const answer = '#!/bin/sh\necho \'{"supportedVersions":["0.3.1","0.4.0"]}\'\n';
      writeFileSync(join(node.directory, 'bin/old'), answer, { mode: 0o755 });
      write(node, CONFIGURATION, listOf(node, {}, { type: 'old' }));
    },
  },
  {
    name: 'a version that does not exist',
    code: 'version-not-spoken',
    plant: (node) => write(node, CONFIGURATION, listOf(node, {}).replace('"1.0.0"', '"1.9.0"')),
  },
  {
    name: 'VLANs, which bridges of this kernel do not know',
    code: 'vlan-filtering-missing',
    plant: (node) => write(node, CONFIGURATION, listOf(node, { vlan: 100 })),
    mendByHand: (node) => write(node, CONFIGURATION, listOf(node, {})),
  },
];

const FILES: readonly Fault[] = [
  {
    name: 'everybody may write to the data directory',
    code: 'data-directory-writable',
    plant: (node) => chmodSync(node.dataDir, 0o777),
    fix: (node) => `chmod o-w ${node.dataDir}`,
  },
  {
    name: 'the data directory is not root’s',
    code: 'data-directory-owner',
    plant: (node) => chownSync(node.dataDir, 1, 0),
  },
  {
    name: 'a result of an attachment that is gone',
    code: 'results-stale',
    plant(node) {
      const results = join(node.directory, 'cache/results');
      mkdirSync(results, { recursive: true });
      const file = join(results, 'pods-gone-eth0');
      const cached = { kind: 'cniCacheV1', containerId: 'gone', networkName: 'pods', ifName: 'eth0', result: {} };
      writeFileSync(file, JSON.stringify(cached));
      utimesSync(file, new Date(0), new Date(0));
    },
  },
];

const FAULTS = [...FORWARDING, ...FILTERS, ...CONFIGURATIONS, ...FILES];

e2e('trestle doctor, the node', (artifact) => {
  test('has no finding on a healthy node, and one line a section', () => {
    using node = healthyNode(artifact);
    expect(examine(node, artifact)).toEqual({ healthy: true, findings: [] });
    const { stdout, status } = operate(node, artifact, ['doctor', ...doctorPlace(node)]);
    expect(
      stdout
        .split('\n')
        .slice(0, -1)
        .every((line) => line.startsWith('ok  ')),
    ).toBe(true);
    expect(status).toBe(0);
  });

  for (const fault of FAULTS) {
    test(`${fault.code}: ${fault.name}`, () => {
      using node = healthyNode(artifact, fault.config);
      expect(examine(node, artifact).findings).toEqual([]);
      fault.plant(node, artifact);
      const { findings } = examine(node, artifact);
      expect(findings.map(({ code }) => code)).toEqual([fault.code]);
      const [finding] = findings as [Finding];
      if (fault.fix !== undefined) expect(finding.fix).toBe(fault.fix(node));
      if (fault.mendByHand === undefined) mendAsAdvised(node, artifact, finding, fault.config);
      else fault.mendByHand(node);
      expect(examine(node, artifact).findings).toEqual([]);
    });
  }

  test('--fix runs what is safe, shows it, and exits by what is left', () => {
    using node = healthyNode(artifact);
    sysctl(node, 'net.ipv4.ip_forward=0');
    chmodSync(node.dataDir, 0o777);
    write(node, '05-broken.conf', '{');
    const said = operate(node, artifact, ['doctor', '--fix', ...doctorPlace(node)]);
    expect(said.status).toBe(1);
    expect(said.stdout).toContain('sysctl -w net.ipv4.ip_forward=1\n  done');
    expect(said.stdout).toContain(`chmod o-w ${node.dataDir}\n  done`);
    expect(statSync(node.dataDir).mode & 0o777).toBe(0o775);
    expect(examine(node, artifact).findings.map(({ code }) => code)).toEqual(['configuration-broken']);
    rmSync(conf(node, '05-broken.conf'));
    sysctl(node, 'net.ipv4.ip_forward=0');
    const fixed = examine(node, artifact, ['--fix']) as { fixed?: unknown } & ReturnType<typeof examine>;
    expect(fixed).toMatchObject({ healthy: true, findings: [], fixed: [{ code: 'forwarding-off', succeeded: true }] });
  });

  test('--section examines one alone, and knows the others', () => {
    using node = healthyNode(artifact);
    sysctl(node, 'net.ipv4.ip_forward=0');
    expect(examine(node, artifact, ['--section', 'tables']).findings).toEqual([]);
    expect(examine(node, artifact, ['--section', 'tables', '--section', 'forwarding']).findings).toHaveLength(1);
    const { status, stderr } = operate(node, artifact, ['doctor', '--section', 'forwardings', ...doctorPlace(node)]);
    expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining('packet-filters') });
  });

  test('without root there is one finding', () => {
    using node = healthyNode(artifact);
    const said = restricted(node, artifact, ['--reuid=65534', '--clear-groups']);
    expect(said.findings).toMatchObject([{ code: 'not-root', level: 'error', fix: 'sudo trestle doctor' }]);
  });

  test('without a capability there is one finding, and no others that come of it', () => {
    using node = healthyNode(artifact);
    const without = (name: string) => restricted(node, artifact, [`--bounding-set=-${name}`, `--inh-caps=-${name}`]);
    expect(without('sys_ptrace').findings).toMatchObject([{ code: 'capability-missing', level: 'warning' }]);
    expect(without('net_admin').findings).toMatchObject([
      { code: 'capability-missing', level: 'error', what: expect.stringContaining('CAP_NET_ADMIN') },
    ]);
  });

  test('a data directory on a read-only or a full file system', () => {
    using node = healthyNode(artifact);
    const options = ['doctor', '--json', ...doctorPlace(node), '--section', 'permissions'];
    const doctor = [artifact.path, ...options].join(' ');
    const tmpfs = `mount -t tmpfs -o size=256k,mode=755 none ${node.dataDir}`;
    const say = (...commands: string[]) =>
      inMounts(node, artifact, [tmpfs, ...commands, `${doctor} || true`].join(' && '));
    expect(say('true').findings).toEqual([]);
    expect(say(`mount -o remount,ro ${node.dataDir}`).findings).toMatchObject([
      {
        code: 'data-directory-read-only',
        fix: `mount -o remount,rw "$(findmnt -n -o TARGET --target ${node.dataDir})"`,
      },
    ]);
    const [readOnly] = say(`mount -o remount,ro ${node.dataDir}`).findings as [Finding];
    expect(say(`mount -o remount,ro ${node.dataDir}`, readOnly.fix).findings).toEqual([]);
    const fill = `head -c 250000 /dev/zero >${node.dataDir}/big`;
    expect(say(fill).findings).toMatchObject([{ code: 'data-directory-full' }]);
    expect(say(fill, `rm ${node.dataDir}/big`).findings).toEqual([]);
  });
});

/** What doctor says where setpriv restricts it. */
function restricted(node: ScratchNode, artifact: Artifact, options: readonly string[]): Examined {
  const path = `${artifact.searchPath}:${SYSTEM_PATH}`;
  const argv = ['setpriv', ...options, artifact.path, 'doctor', '--json', ...doctorPlace(node)];
  return JSON.parse(tryExec(node.ns, argv, { env: { PATH: path } }).stdout) as Examined;
}

/** What a script says that runs in a mount namespace of its own, on the node. */
function inMounts(node: ScratchNode, artifact: Artifact, script: string): Examined {
  const env = { PATH: `${artifact.searchPath}:${SYSTEM_PATH}` };
  return JSON.parse(exec(node.ns, ['unshare', '--mount', 'sh', '-c', script], { env })) as Examined;
}

/** The command line of a finding; an ADD does the same for what `trestle reconcile` mends, where there is no such command. */
function mendAsAdvised(node: ScratchNode, artifact: Artifact, finding: Finding, changes: Config = {}): void {
  if (!finding.fix.startsWith('trestle reconcile') || 'reconcile' in COMMANDS) mend(node, finding);
  else succeeded(runtime(node, artifact, network(node, { cniVersion: '1.0.0', ...changes })).add(node.container()));
}

function ipamOf(node: ScratchNode): Config {
  return network(node).ipam as Config;
}
