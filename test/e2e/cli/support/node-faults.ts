/** Faults of a node that can be planted in a network namespace and in files of a test. */

import { chmodSync, chownSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from '../../../support/artifacts.ts';
import { mend } from '../../../support/doctor.ts';
import { iptables } from '../../../support/iptables.ts';
import { exec, ipBatch } from '../../../support/netns.ts';
import { nftElements } from '../../../support/nft.ts';
import { OUTSIDE_ADDRESS, type ScratchNode } from '../../../support/node.ts';
import type { Feature } from '../../../support/skipped.ts';
import { type Config, network, V4 } from '../../support/network.ts';
import { CONFIGURATION } from './healthy-node.ts';

export interface Fault {
  readonly name: string;
  readonly code: string;
  /** The fault is that the kernel lacks this. */
  readonly lacking?: Feature;
  /** Replaces keys of the usual network. */
  readonly config?: Config;
  plant(node: ScratchNode, artifact: Artifact): void;
  /** What the command line of the finding must be; it must mend the fault, unless `mendByHand` does. */
  fix?(node: ScratchNode): string;
  /** Where no command can mend the fault, what the operator does. */
  mendByHand?(node: ScratchNode): void;
}

export const sysctl = (node: ScratchNode, ...settings: string[]) => exec(node.ns, ['sysctl', '-q', '-w', ...settings]);
export const nft = (node: ScratchNode, commands: string) => exec(node.ns, ['nft', '-f', '-'], { stdin: commands });
export const conf = (node: ScratchNode, file: string) => join(node.confDir, file);
export const write = (node: ScratchNode, file: string, text: string) => writeFileSync(conf(node, file), text);

export const reconcileText = ({ dataDir }: ScratchNode) => `trestle reconcile --data-dir ${dataDir}`;
const reconcileOf = (node: ScratchNode) => ({ fix: reconcileText(node) });

function listOf(node: ScratchNode, changes: Config, ...others: Config[]): string {
  return JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins: [{ ...network(node), ...changes }, ...others] });
}

/** Makes the IPv6 default route one that a router's advertisement brought. */
function advertiseDefault({ ns }: ScratchNode): void {
  exec(ns, ['ip', '-6', 'route', 'replace', 'default', 'via', OUTSIDE_ADDRESS[6], 'dev', 'eth0', 'proto', 'ra']);
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
      advertiseDefault(node);
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
      advertiseDefault(node);
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
  ...(['ip6tables-nft', 'ip6tables-legacy'] as const).map((program) => ({
    name: `the policy of FORWARD becomes DROP for IPv6 alone (${program})`,
    code: 'forward-accept-lost',
    plant: (node: ScratchNode) => exec(node.ns, [program, '-P', 'FORWARD', 'DROP']),
  })),
  {
    name: 'a rule of FORWARD drops everything',
    code: 'forward-accept-lost',
    plant: (node) => exec(node.ns, ['iptables-nft', '-A', 'FORWARD', '-j', 'DROP']),
  },
  {
    name: 'a rule that drops everything stands in front of the accept',
    code: 'forward-accept-lost',
    plant(node) {
      exec(node.ns, ['iptables-nft', '-P', 'FORWARD', 'DROP']);
      mend(node, reconcileOf(node));
      exec(node.ns, ['iptables-nft', '-I', 'FORWARD', '-j', 'DROP']);
    },
  },
  {
    name: 'a rule with a condition stands behind the accept, which overrules it',
    code: 'forward-accept-lost',
    plant(node) {
      exec(node.ns, ['iptables-nft', '-P', 'FORWARD', 'DROP']);
      mend(node, reconcileOf(node));
      exec(node.ns, ['iptables-nft', '-A', 'FORWARD', '-d', '192.0.2.1', '-j', 'DROP']);
    },
  },
  {
    name: 'the accept is emptied',
    code: 'forward-accept-lost',
    plant(node) {
      exec(node.ns, ['iptables-nft', '-P', 'FORWARD', 'DROP']);
      mend(node, reconcileOf(node));
      exec(node.ns, ['iptables-nft', '-F', 'TRESTLE-FWD-cni0']);
    },
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
    name: 'one address is taken out of its set',
    code: 'masquerade-lost',
    plant: (node) => nft(node, `delete element inet trestle masq-pods-${V4.subnet} { ${V4.second} }`),
    fix: reconcileText,
  },
  {
    name: 'the rules that lead to the masquerading are flushed',
    code: 'masquerade-lost',
    plant: (node) => nft(node, 'flush chain inet trestle postrouting'),
  },
  {
    name: 'masquerading by iptables is flushed',
    code: 'masquerade-lost',
    config: { ipMasqBackend: 'iptables' },
    plant: (node) => exec(node.ns, ['iptables', '-t', 'nat', '-F', 'POSTROUTING']),
  },
  {
    name: 'one port is taken out of the MAC guard',
    code: 'guard-lost',
    config: { macspoofchk: true },
    plant(node) {
      const [element] = nftElements(node.ns, 'ports').filter(({ value }) => value.startsWith('veth'));
      nft(node, `delete element bridge trestle ports { "${element?.value}" }`);
    },
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
    fix: (node) => `sed -i 's|"isgateway"\\([[:space:]]*:\\)|"isGateway"\\1|g' ${conf(node, CONFIGURATION)}`,
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
    lacking: 'vlan-filtering',
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
    name: 'a file is in the place of the data directory of a further configuration',
    code: 'data-directory-not-directory',
    plant(node) {
      const dataDir = join(node.directory, 'other');
      writeFileSync(dataDir, '');
      const ranges = [[{ subnet: '10.90.0.0/24' }]];
      const list = listOf(node, { bridge: 'cni1', ipam: { ...ipamOf(node), ranges, dataDir } });
      write(node, '20-other.conflist', list.replace('"pods"', '"other"'));
    },
    fix: ({ directory }) => `mv ${directory}/other ${directory}/other.old`,
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

/** Each with the code by which doctor finds it, alone. */
export const FAULTS: readonly Fault[] = [...FORWARDING, ...FILTERS, ...CONFIGURATIONS, ...FILES];

function ipamOf(node: ScratchNode): Config {
  return network(node).ipam as Config;
}
