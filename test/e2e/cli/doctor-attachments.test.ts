/**
 * Faults of attachments, planted one at a time on a healthy node: doctor names exactly that fault, its command line mends it,
 * and then the node is healthy again.
 */

import { expect, test } from 'bun:test';
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { examine, mend } from '../../support/doctor.ts';
import { exec, ipBatch, type Netns } from '../../support/netns.ts';
import type { Container, ScratchNode } from '../../support/node.ts';
import { type Config, e2eOnNodes, hostVeth, loseNamespace, replaceLease } from '../support/network.ts';
import { healthyNode } from './support/healthy-node.ts';

interface Planted {
  readonly node: ScratchNode;
  readonly first: Container;
  readonly second: Container;
  /** The host veth of the first container. */
  readonly veth: string;
  ip(command: string, ns?: Netns): void;
  inside(command: string): void;
}

interface Fault {
  readonly code: string;
  readonly plant: (planted: Planted) => void;
  /** Keys of the network. */
  readonly network?: Config;
  readonly fix?: RegExp;
  readonly name?: string;
  readonly args?: readonly string[];
  /** What is left after the command line; it must be the same fault in no case. */
  readonly isLasting?: boolean;
}

const recordOf = ({ dataDir }: ScratchNode, { id }: Container) => join(dataDir, '.trestle', 'pods', `${id}:eth0`);

const FAULTS: readonly Fault[] = [
  { code: 'bridge-missing', plant: ({ ip }) => ip('link delete cni0'), fix: /^trestle reconcile / },
  { code: 'bridge-down', plant: ({ ip }) => ip('link set cni0 down') },
  {
    code: 'bridge-name-taken',
    plant: ({ ip }) => ip('link delete cni0\n link add cni0 type veth peer name other0'),
  },
  {
    code: 'bridge-option-off',
    network: { promiscMode: true },
    plant: ({ ip }) => ip('link set cni0 promisc off'),
  },
  { code: 'host-veth-down', plant: ({ ip, veth }) => ip(`link set ${veth} down`), fix: /^ip link set veth\w+ up$/ },
  { code: 'container-interface-down', plant: ({ inside }) => inside('link set eth0 down') },
  { code: 'loopback-down', plant: ({ inside }) => inside('link set lo down') },
  { code: 'port-not-on-bridge', plant: ({ ip, veth }) => ip(`link set ${veth} nomaster`) },
  {
    name: 'every port',
    code: 'port-not-on-bridge',
    plant: ({ ip, node, first, second }) => {
      for (const one of [first, second]) ip(`link set ${hostVeth(node, one).ifname} nomaster`);
    },
  },
  {
    code: 'port-on-other-bridge',
    plant: ({ ip, veth }) => ip(`link add other0 type bridge\n link set ${veth} master other0`),
  },
  {
    code: 'port-hairpin-off',
    network: { hairpinMode: true },
    plant: ({ ip, veth }) => ip(`link set ${veth} type bridge_slave hairpin off`),
  },
  {
    code: 'port-isolation-off',
    network: { portIsolation: true },
    plant: ({ ip, veth }) => ip(`link set ${veth} type bridge_slave isolated off`),
  },
  { code: 'host-veth-missing', plant: ({ ip, veth }) => ip(`link delete ${veth}`), fix: /CNI_COMMAND=DEL/ },
  {
    code: 'container-interface-renamed',
    plant: ({ inside }) => inside('link set eth0 down\n link set eth0 name net7'),
  },
  {
    code: 'container-interface-missing',
    plant: ({ node, first, second }) => {
      ipBatch(first.ns, `link set eth0 down\n link set eth0 name lost0\n link set lost0 netns ${second.ns.name}`);
      expect(node.containers).toHaveLength(2);
    },
    fix: /CNI_COMMAND=DEL/,
  },
  {
    code: 'mac-changed',
    network: { macspoofchk: true },
    plant: ({ inside }) => inside('link set eth0 address 02:00:00:00:00:77'),
  },
  { code: 'port-mtu-changed', plant: ({ ip, veth }) => ip(`link set ${veth} mtu 1400`) },
  { code: 'container-mtu-too-large', plant: ({ inside }) => inside('link set eth0 mtu 2000') },
  { code: 'bridge-mtu-too-small', plant: ({ ip }) => ip('link set cni0 mtu 1400') },
  { code: 'mtu-above-uplink', plant: ({ ip }) => ip('link set eth0 mtu 1400') },

  { code: 'address-missing', plant: ({ inside }) => inside('address delete 10.89.0.2/24 dev eth0') },
  { name: 'IPv6', code: 'address-missing', plant: ({ inside }) => inside('address delete fd00:89::2/64 dev eth0') },
  {
    code: 'address-prefix-wrong',
    plant: ({ inside }) => inside('address delete 10.89.0.2/24 dev eth0\n address add 10.89.0.2/32 dev eth0'),
  },
  {
    name: 'IPv6',
    code: 'address-prefix-wrong',
    plant: ({ inside }) => inside('address delete fd00:89::2/64 dev eth0\n address add fd00:89::2/128 dev eth0 nodad'),
  },
  { code: 'route-missing', plant: ({ inside }) => inside('route delete default') },
  { name: 'IPv6', code: 'route-missing', plant: ({ inside }) => inside('route delete ::/0') },
  { code: 'gateway-missing', plant: ({ ip }) => ip('address delete 10.89.0.1/24 dev cni0') },
  { name: 'IPv6', code: 'gateway-missing', plant: ({ ip }) => ip('address delete fd00:89::1/64 dev cni0') },
  {
    name: 'the node has it',
    code: 'address-duplicate',
    plant: ({ ip }) => ip('address add 10.89.0.2/24 dev cni0'),
  },
  {
    code: 'neighbour-wrong',
    plant: ({ ip }) => ip('neighbour replace 10.89.0.2 lladdr 02:00:00:00:00:88 dev cni0 nud permanent'),
  },

  {
    code: 'subnet-overlaps-link',
    plant: ({ ip }) => ip('link add docker0 type bridge\n address add 10.89.0.129/25 dev docker0'),
    fix: /^ip address delete 10\.89\.0\.129\/25 dev docker0$/,
  },
  {
    code: 'subnet-overlaps-route',
    plant: ({ ip }) => ip('route add 10.89.0.128/25 via 203.0.113.1 dev eth0'),
    fix: /^ip route delete /,
  },

  { code: 'attachment-dead', plant: ({ node, first }) => loseNamespace(node, first), fix: /^trestle gc / },
  {
    code: 'leases-of-earlier-boot',
    plant: ({ node, first }) => {
      loseNamespace(node, first);
      const path = recordOf(node, first);
      const record = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
      const old = { ...record, bootId: '00000000-0000-0000-0000-000000000000', createdAt: '2001-01-01T00:00:00.000Z' };
      writeFileSync(path, JSON.stringify(old));
      exec(node.ns, [
        'touch',
        '-d',
        '2001-01-01',
        ...['10.89.0.2', 'fd00:89::2'].map((ip) => `${node.dataDir}/pods/${ip}`),
      ]);
    },
    fix: /^trestle gc /,
  },
  {
    name: 'a living container',
    code: 'record-broken',
    plant: ({ node, first }) => writeFileSync(recordOf(node, first), '{'),
    fix: /CNI_COMMAND=DEL/,
  },
  {
    name: 'of nothing',
    code: 'record-broken',
    plant: ({ node }) => writeFileSync(join(node.dataDir, '.trestle', 'pods', 'gone:eth0'), '{'),
    fix: /^trestle gc /,
  },
  { code: 'record-missing', plant: ({ node, first }) => rmSync(recordOf(node, first)), fix: /CNI_COMMAND=DEL/ },
  {
    code: 'lease-without-record',
    plant: ({ node }) => writeFileSync(`${node.dataDir}/pods/10.89.0.77`, 'foreign\r\neth0'),
    fix: /^rm /,
  },
  {
    name: 'an empty one that no record claims',
    code: 'lease-broken',
    plant: ({ node }) => writeFileSync(`${node.dataDir}/pods/10.89.0.77`, ''),
    fix: /^trestle gc /,
  },
  {
    name: 'one that holds something else',
    code: 'lease-broken',
    plant: ({ node }) => writeFileSync(`${node.dataDir}/pods/10.89.0.77`, '<html>'),
    fix: /^rm /,
  },
  {
    name: 'an empty one of a living container',
    code: 'lease-broken',
    plant: ({ node }) => replaceLease(node, '10.89.0.2', ''),
  },
  { code: 'lease-missing', plant: ({ node }) => rmSync(`${node.dataDir}/pods/10.89.0.2`), fix: /set -C; printf/ },
  {
    code: 'lease-held-by-another',
    plant: ({ node }) => replaceLease(node, '10.89.0.2', 'another\r\neth0'),
    fix: /CNI_COMMAND=DEL/,
    isLasting: true, // the lease of the other one has no record
  },
  {
    code: 'netns-replaced',
    plant: ({ node, first }) => {
      // A process keeps the first namespace, as after a runtime has lost the mount.
      Bun.spawn(['nsenter', `--net=${first.netnsPath}`, 'sleep', '30']);
      Bun.sleepSync(200);
      exec(node.ns, ['umount', first.netnsPath]);
      exec(node.ns, ['sh', '-c', `unshare --net mount --bind /proc/self/ns/net ${first.netnsPath}`]);
    },
    fix: /CNI_COMMAND=DEL/,
  },

  {
    code: 'neighbour-fixed',
    args: ['--probe'],
    plant: ({ inside }) => inside('neighbour replace 10.89.0.1 lladdr 02:00:00:00:00:99 dev eth0 nud permanent'),
  },
  {
    code: 'no-route',
    network: { isDefaultGateway: false, isGateway: true },
    args: ['--probe-to', '203.0.113.1'],
    plant: ({ node, second }) => ipBatch(second.ns, 'route add 203.0.113.1 via 10.89.0.1') ?? node,
  },
];

e2eOnNodes('trestle doctor, faults of attachments', (artifact) => {
  for (const { name, code, plant, network, fix, args = [], isLasting = false } of FAULTS) {
    test(name === undefined ? code : `${code}: ${name}`, () => {
      using node = healthyNode(artifact, network);
      const [first, second] = node.containers as [Container, Container];
      if (args.length === 0 || code !== 'no-route') expect(examine(node, artifact, args).findings).toEqual([]);
      const { ifname: veth } = hostVeth(node, first);
      const ip = (command: string, ns = node.ns) => ipBatch(ns, command);
      plant({ node, first, second, veth, ip, inside: (command) => ipBatch(first.ns, command) });
      const { findings } = examine(node, artifact, args);
      expect(findings.map((one) => one.code)).toEqual([code]);
      const [finding] = findings;
      if (finding === undefined) return;
      if (fix !== undefined) expect(finding.fix).toMatch(fix);
      mend(node, finding);
      const left = examine(node, artifact, args).findings.map((one) => one.code);
      if (isLasting) expect(left).not.toContain(code);
      else expect(left).toEqual([]);
    });
  }

  test('networks-share-range: the editor opens the configuration', () => {
    using node = healthyNode(artifact);
    const ipam = { type: 'trestle-ipam', dataDir: node.dataDir, subnet: '10.89.0.0/25' };
    const plugin = { type: 'trestle', bridge: 'cni0', ipam };
    const file = node.writeConf('20-more.conflist', { cniVersion: '1.0.0', name: 'more', plugins: [plugin] });
    const { findings } = examine(node, artifact, ['--section', 'subnets']);
    expect(findings.map(({ code, subject }) => [code, subject])).toEqual([['networks-share-range', 'network more']]);
    edit(node, findings[0]?.fix ?? '', 's/10.89.0.0.25/10.90.0.0\\/24/');
    expect(readFileSync(file, 'utf8')).toContain('10.90.0.0/24');
    expect(examine(node, artifact, ['--section', 'subnets']).findings).toEqual([]);
  });

  test('range-nearly-full and range-exhausted', () => {
    for (const [subnet, code] of [
      ['10.89.0.0/29', 'range-nearly-full'],
      ['10.89.0.0/29', 'range-exhausted'],
    ] as const) {
      const ipam = { type: 'trestle-ipam', subnet, rangeEnd: code === 'range-exhausted' ? '10.89.0.3' : '10.89.0.4' };
      using node = healthyNode(artifact);
      const own = { ...ipam, dataDir: node.dataDir };
      const plugins = [{ type: 'trestle', bridge: 'cni0', isGateway: true, ipam: own }];
      node.writeConf('10-pods.conflist', { cniVersion: '1.0.0', name: 'pods', plugins });
      const { findings } = examine(node, artifact, ['--section', 'leases']);
      // Of three addresses, one is left; that is more than a tenth.
      expect(findings.map((one) => one.code)).toEqual(code === 'range-exhausted' ? [code] : []);
      if (findings[0] === undefined) continue;
      edit(node, findings[0].fix, 's/10.89.0.3/10.89.0.6/');
      expect(examine(node, artifact, ['--section', 'leases']).findings).toEqual([]);
    }
  });

  test('probes name the hop that fails', () => {
    using node = healthyNode(artifact);
    const codes = (...args: string[]) => examine(node, artifact, args).findings.map(({ code }) => code);
    expect(codes('--probe-to', '203.0.113.1', '--probe-to', '2001:db8:ffff::1')).toEqual([]);
    expect(codes('--probe-to', '203.0.113.1:9')).toEqual(['connection-refused']);
    expect(codes('--probe-to', '10.89.0.200')).toEqual(['neighbour-unresolved']);
    expect(codes('--probe-to', '198.51.100.7')).not.toEqual([]);
    const [first] = node.containers as [Container];
    exec(first.ns, [
      'nft',
      'add table inet t; add chain inet t in { type filter hook input priority 0; policy drop; }',
    ]);
    expect(codes('--probe')).toEqual(['no-answer']);
  });
});

e2eOnNodes('trestle doctor, healthy nodes', (artifact) => {
  test.each([
    ['IPv6 only', 6],
    ['layer 2 only', 2],
    ['isolated ports and a guard', 4],
  ] as const)('%s', (_, kind) => {
    const changes: Record<number, Config> = {
      2: { isDefaultGateway: false, ipMasq: false, ipam: {} },
      4: { portIsolation: true, macspoofchk: true, hairpinMode: true },
      6: {},
    };
    using node = healthyNode(artifact, changes[kind]);
    expect(examine(node, artifact, ['--probe']).findings).toEqual([]);
    expect(readdirSync(node.confDir)).toHaveLength(1);
  });
});

/** Runs a command line with an editor that does one substitution. */
function edit(node: ScratchNode, fix: string, script: string): void {
  const editor = join(node.directory, 'editor');
  writeFileSync(editor, `#!/bin/sh\nsed -i '${script}' "$1"\n`);
  chmodSync(editor, 0o755);
  exec(node.ns, ['sh', '-c', fix], { env: { EDITOR: editor, PATH: '/usr/bin:/bin' } });
}
