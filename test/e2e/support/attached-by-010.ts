/**
 * Attachments as 0.1.0 left them on a node, made by hand: its files, links, addresses, elements and rules, as they were read from a
 * node where its executable had done ADD. Names and MACs that follow from the attachment are written out.
 */

import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatMac } from '../../../src/address/mac.ts';
import { bridgeMac } from '../../../src/resources/names.ts';
import type { CniResult } from '../../support/cni.ts';
import type { Flavour } from '../../support/iptables.ts';
import { setSysctl } from '../../support/kernel.ts';
import { exec, ipBatch } from '../../support/netns.ts';
import type { Container, ScratchNode } from '../../support/node.ts';
import { FORWARDING, V4, V6 } from './network.ts';

export interface OldAttachment extends Container {
  readonly veth: string;
  readonly vethMac: string;
  readonly mac: string;
  readonly addresses: { readonly 4: string; readonly 6: string };
  /** What ADD had answered. */
  readonly result: CniResult;
}

export interface OldNode {
  /** Masquerading by iptables of this flavour, where the configuration asked for it. */
  readonly backend?: Flavour;
  /** Whether macspoofchk was set. */
  readonly guarded?: boolean;
  /** The flavour of iptables whose FORWARD drops, with the accept for the bridge at its head. */
  readonly dropping?: Flavour;
}

const KNOWN = [
  {
    ...{ id: 'abc', veth: 'veth66ec9efb0bb', vethMac: '12:e1:79:c7:f8:f2', mac: '16:d9:4b:3c:7d:1c' },
    addresses: { 4: V4.first, 6: V6.first },
  },
  {
    ...{ id: 'def', veth: 'veth4c85d20aee1', vethMac: '62:30:ff:32:3d:8e', mac: 'ba:a6:ca:4b:b0:72' },
    addresses: { 4: V4.second, 6: V6.second },
  },
] as const;

const FAMILIES = [4, 6] as const;
const SUBNET = { 4: V4.subnet, 6: V6.subnet } as const;
const LENGTH = { 4: 24, 6: 64 } as const;
const MULTICAST = { 4: '224.0.0.0/4', 6: 'ff00::/8' } as const;
const MASKED = {
  4: ['255.255.255.0 != 10.89.0.0', '240.0.0.0 != 224.0.0.0'],
  6: ['ffff:ffff:ffff:ffff:: != fd00:89::', 'ff00:: != ff00::'],
} as const;
const PROGRAM = { 4: 'iptables', 6: 'ip6tables' } as const;
/** The chains of network `pods` and these subnets in iptables' nat. */
const NAT_CHAIN = { 4: 'TRESTLE-3b9dda8b7051fc6c', 6: 'TRESTLE-d076343db82cb0ce' } as const;
const GUARD_ANCHOR = '/f260d31718d341';
/** A process that is gone. */
const PROCESS = 4_194_303;

/** Two attachments to the network `pods`, on the bridge cni0 with a gateway. */
export function attachedBy010(node: ScratchNode, old: OldNode): readonly [OldAttachment, OldAttachment] {
  const mac = formatMac(bridgeMac('cni0'));
  ipBatch(
    node.ns,
    `link add cni0 address ${mac} type bridge
    address add ${V4.gateway}/24 dev cni0 broadcast +
    address add ${V6.gateway}/64 dev cni0 nodad`,
  );
  for (const key of ['accept_ra', 'accept_dad']) setSysctl(node.ns, `net/ipv6/conf/cni0/${key}`, 0);
  exec(node.ns, ['ip', 'link', 'set', 'cni0', 'up']);
  if (old.guarded) exec(node.ns, ['ip', 'link', 'set', 'cni0', 'type', 'bridge', 'no_linklocal_learn', '1']);
  for (const name of Object.values(FORWARDING)) setSysctl(node.ns, name, 1);
  const [first, second] = KNOWN.map((known) => attach(node, known, mac)) as [OldAttachment, OldAttachment];
  const all = [first, second];
  writeFiles(node, all, old);
  if (old.dropping !== undefined) acceptForwarding(node, old.dropping);
  if (old.backend === undefined) masqueradeByNftables(node, all);
  else masqueradeByIptables(node, all, old.backend);
  if (old.guarded) guard(node, all);
  return [first, second];
}

function attach(node: ScratchNode, known: (typeof KNOWN)[number], bridgeAddress: string): OldAttachment {
  const { id, veth, vethMac, mac, addresses } = known;
  const container = node.container();
  ipBatch(
    node.ns,
    `link add ${veth} address ${vethMac} master cni0 type veth peer name eth0 address ${mac} netns ${container.ns.name}
    link set dev ${veth} alias trestle:pods/${id}/eth0
    link set ${veth} addrgenmode none
    link set ${veth} up`,
  );
  for (const [key, value] of Object.entries({ accept_ra: 0, accept_dad: 0, keep_addr_on_down: 1, ndisc_notify: 1 }))
    setSysctl(container.ns, `net/ipv6/conf/eth0/${key}`, value);
  ipBatch(
    container.ns,
    `link set lo up
    address add ${addresses[4]}/24 broadcast + dev eth0
    link set eth0 up
    address add ${addresses[6]}/64 dev eth0 nodad
    route add default via ${V4.gateway}
    route add default via ${V6.gateway}`,
  );
  const result: CniResult = {
    cniVersion: '1.1.0',
    interfaces: [
      { name: 'cni0', mac: bridgeAddress },
      { name: veth, mac: vethMac },
      { name: 'eth0', mac, mtu: 1500, sandbox: container.netnsPath },
    ],
    ips: [
      { interface: 2, address: `${addresses[4]}/24`, gateway: V4.gateway },
      { interface: 2, address: `${addresses[6]}/64`, gateway: V6.gateway },
    ],
    routes: [
      { dst: '0.0.0.0/0', gw: V4.gateway },
      { dst: '::/0', gw: V6.gateway },
    ],
  };
  return { ...container, id, veth, vethMac, mac, addresses, result };
}

/** The leases are host-local's, the records are beside them. */
function writeFiles(node: ScratchNode, all: readonly OldAttachment[], { backend, guarded }: OldNode): void {
  const [leases, records] = [join(node.dataDir, 'pods'), join(node.dataDir, '.trestle/pods')];
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  for (const directory of [node.dataDir, leases, join(node.dataDir, '.trestle'), records])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  const write = (path: string, text: string) => writeFileSync(path, text, { mode: 0o600 });
  write(join(records, 'boot'), `${bootId}\n`);
  write(join(leases, 'lock'), '');
  for (const { id, netnsPath, veth, mac, addresses } of all) {
    const { dev: device, ino: inode } = statSync(netnsPath);
    const notes = {
      ...{ process: PROCESS, masquerade: true },
      ...(guarded ? { guard: mac } : {}),
      ...(backend === undefined ? {} : { backend: 'iptables' }),
    };
    const record = {
      ...{ version: 1, network: 'pods', containerId: id, ifName: 'eth0' },
      addresses: FAMILIES.map((family) => `${addresses[family]}/${LENGTH[family]}`),
      ...{
        bootId,
        createdAt: new Date().toISOString(),
        netns: { path: netnsPath, device, inode },
        hostVeth: veth,
        notes,
      },
    };
    write(join(records, `${id}:eth0`), `${JSON.stringify(record)}\n`);
    for (const [at, family] of FAMILIES.entries()) {
      write(join(leases, addresses[family]), `${id}\r\neth0`);
      write(join(leases, `last_reserved_ip.${at}`), addresses[family]);
    }
  }
}

/** At the head of FORWARD, and whatever comes in or goes out through the bridge. */
function acceptForwarding(node: ScratchNode, flavour: Flavour): void {
  for (const family of FAMILIES) {
    if (flavour === 'legacy') {
      const rules = [
        '-A FORWARD -j TRESTLE-FWD-cni0',
        ...['i', 'o'].map((at) => `-A TRESTLE-FWD-cni0 -${at} cni0 -j ACCEPT`),
      ];
      restore(node, `${PROGRAM[family]}-legacy`, 'filter', [
        ':FORWARD DROP [0:0]',
        ':TRESTLE-FWD-cni0 - [0:0]',
        ...rules,
      ]);
      continue;
    }
    const accept = (via: string) => `${via} "cni0" counter accept comment "trestle cni0"`;
    const table = `table ${family === 4 ? 'ip' : 'ip6'} filter {
      chain TRESTLE-FWD-cni0 { ${accept('iifname')}; ${accept('oifname')}; }
      chain FORWARD {
        type filter hook forward priority filter; policy drop;
        counter jump TRESTLE-FWD-cni0 comment "trestle cni0"
      }
    }`;
    load(node, table);
  }
}

function masqueradeByNftables(node: ScratchNode, all: readonly OldAttachment[]): void {
  const parts = FAMILIES.map((family) => {
    const [ip, anchor] = family === 4 ? ['ip', '0.0.0.0'] : ['ip6', '::'];
    const name = `masq-pods-${SUBNET[family].replaceAll(':', '_')}`;
    const owned = all.map(({ id, addresses }) => `${addresses[family]} comment "pods/${id}/eth0"`);
    const elements = [`${anchor} comment "anchor"`, ...owned].join(', ');
    // With a mask, as 0.1.0 had it: nft would load fewer bytes for a length that is a multiple of 8.
    const match = MASKED[family].map((masked) => `${ip} daddr & ${masked}`).join(' ');
    return `table inet trestle {
      set ${name} { type ipv${family}_addr; elements = { ${elements} }; }
      chain ${name} { ${match} masquerade comment "${name}"; }
      chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ${ip} saddr @${name} jump ${name} comment "${name}"
      }
    }`;
  });
  load(node, parts.join('\n'));
}

function masqueradeByIptables(node: ScratchNode, all: readonly OldAttachment[], flavour: Flavour): void {
  for (const family of FAMILIES) {
    const [chain, subnet] = [NAT_CHAIN[family], SUBNET[family]];
    const bits = family === 4 ? 32 : 128;
    const owned = all.map(
      ({ id, addresses }) =>
        `-A ${chain} -s ${addresses[family]}/${bits} ! -d ${MULTICAST[family]} -m comment --comment "pods/${id}/eth0" -j MASQUERADE`,
    );
    const jump = `-A POSTROUTING -s ${subnet} ! -d ${subnet} -m comment --comment "trestle pods" -j ${chain}`;
    restore(node, `${PROGRAM[family]}-${flavour}`, 'nat', [`:${chain} - [0:0]`, jump, ...owned]);
  }
}

function guard(node: ScratchNode, all: readonly OldAttachment[]): void {
  const ports = all.map(({ id, veth }) => `"${veth}" comment "pods/${id}/eth0"`);
  const macs = all.map(({ id, veth, mac }) => `"${veth}" . ${mac} comment "pods/${id}/eth0"`);
  const entrance = 'iifname @ports jump guard comment "guard"';
  load(
    node,
    `table bridge trestle {
      set ports { type ifname; elements = { ${[`"${GUARD_ANCHOR}" comment "anchor"`, ...ports].join(', ')} }; }
      set macs {
        type ifname . ether_addr
        elements = { ${[`"${GUARD_ANCHOR}" . 00:00:00:00:00:00 comment "anchor"`, ...macs].join(', ')} }
      }
      chain guard { iifname . ether saddr != @macs drop comment "guard"; }
      chain prerouting { type filter hook prerouting priority dstnat; policy accept; ${entrance}; }
      chain input { type filter hook input priority -300; policy accept; ${entrance}; }
    }`,
  );
}

function load(node: ScratchNode, ruleset: string): void {
  exec(node.ns, ['nft', '-f', '-'], { stdin: `${ruleset}\n` });
}

function restore(node: ScratchNode, program: string, table: string, lines: readonly string[]): void {
  exec(node.ns, [`${program}-restore`], { stdin: [`*${table}`, ...lines, 'COMMIT', ''].join('\n') });
}
