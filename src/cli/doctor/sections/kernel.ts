/** What the kernel must have: namespaces, kinds of interfaces, and of packet filters what the configurations ask for. */

import { firstValue } from '../../../address/cidr.ts';
import { asFault, collecting } from '../../../attempt.ts';
import type { Fault } from '../../../fault.ts';
import { type Connection, execute } from '../../../netlink/connection.ts';
import { isKernelError } from '../../../netlink/error.ts';
import { tryKind } from '../../../netlink/route/link-change.ts';
import { guardKind } from '../../../resources/guard/guard.ts';
import { masqueradeKind } from '../../../resources/masquerade/masquerade.ts';
import { containerMac } from '../../../resources/names.ts';
import { verifyVlanFilterable } from '../../../resources/vlan/vlan.ts';
import { EADDRNOTAVAIL, EOPNOTSUPP } from '../../../sys/errno.ts';
import { sysctlLine } from '../command-lines.ts';
import type { Examination, Finding, Section } from '../examination.ts';
import { type OwnEntry, readOwnEntries } from '../own-plugin.ts';
import { numberAt } from '../proc.ts';

/** Namespaces that a container has of its own. */
const NAMESPACES = ['net', 'mnt', 'pid', 'ipc', 'uts'];
/** A limit that no node comes near. */
const MANY_NAMESPACES = 65_536;
/** So many more namespaces must still be possible. */
const RESERVE = 8;
const KINDS = ['veth', 'bridge'] as const;

const INSTALL_IPTABLES =
  'if command -v apt-get >/dev/null; then apt-get install -y iptables; else dnf install -y iptables; fi';

export const kernel: Section = {
  name: 'kernel',
  examine(examination) {
    const entries = readOwnEntries(examination).flatMap(({ entry }) => entry ?? []);
    const findings = [
      ...NAMESPACES.flatMap((kind) => namespaceLimit(examination, kind)),
      ...KINDS.flatMap((kind) => missingKind(examination.node.route, kind)),
      ...entries.flatMap((entry) => missingFilters(examination, entry)),
    ];
    const release = examination.readProc('sys/kernel/osrelease') ?? '';
    return { summary: `Linux ${release} has what the plugin needs`, findings };
  },
};

/** The limit of this user namespace, against the containers of ours, which are not all that count. */
function namespaceLimit({ inventory, readProc }: Examination, kind: string): Finding[] {
  const path = `user/max_${kind}_namespaces`;
  const limit = numberAt(readProc, `sys/${path}`);
  if (limit === undefined) return [];
  const used = new Set(
    inventory.attachments.flatMap(({ life, netns }) => (life.state === 'alive' ? (netns?.inode ?? []) : [])),
  );
  if (limit > used.size + RESERVE) return [];
  return [
    {
      level: 'error',
      code: 'namespaces-limited',
      subject: `${kind} namespaces`,
      what:
        limit === 0
          ? 'no container can be started: the node allows no such namespaces'
          : 'the node allows hardly any more namespaces, and each container needs one',
      evidence: `/proc/sys/${path}: ${limit}; ${used.size} network namespaces are those of attachments`,
      fix: sysctlLine({ [path]: Math.max(MANY_NAMESPACES, limit * 2) }),
      isSafe: true,
    },
  ];
}

/** Whether the kernel lacks a kind of interface. Asking loads its module, as an ADD would. @throws KernelError */
function lacksKind(connection: Connection, kind: (typeof KINDS)[number]): boolean {
  const [refusal] = collecting(() => execute(connection, tryKind(kind)));
  if (isKernelError(refusal, EADDRNOTAVAIL)) return false;
  if (isKernelError(refusal, EOPNOTSUPP)) return true;
  throw refusal;
}

function missingKind(connection: Connection, kind: (typeof KINDS)[number]): Finding[] {
  if (!lacksKind(connection, kind)) return [];
  return [
    {
      level: 'error',
      code: 'interface-kind-missing',
      subject: kind,
      what: `the kernel has no interfaces of the kind ${kind}, which every attachment needs`,
      evidence: `RTM_NEWLINK of the kind ${kind}: not supported`,
      fix: `modprobe ${kind}`,
      isSafe: true,
    },
  ];
}

function missingFilters(examination: Examination, entry: OwnEntry): Finding[] {
  const { node } = examination;
  const { settings, request } = entry;
  const findings: Finding[] = [];
  const add = (code: string, what: string, fault: Fault, fix: string) => {
    const subject = `network ${request.network}`;
    const evidence = [fault.message, fault.details].filter((text) => text !== undefined).join('. ');
    findings.push({ level: 'error', code, subject, what, evidence, fix, isSafe: fix.startsWith('modprobe') });
  };
  const masquerading = settings.ipMasq ? lackOfMasquerading(examination, entry) : undefined;
  if (masquerading !== undefined) {
    const fix = settings.backend === 'nftables' ? 'modprobe -a nf_tables nft_chain_nat nft_masq' : INSTALL_IPTABLES;
    add('masquerade-impossible', 'the node cannot masquerade, as "ipMasq" asks', masquerading, fix);
  }
  if (settings.guarded) {
    const { network, containerId, ifName, dataDir } = request;
    const key = { network, containerId, ifName, dataDir };
    const fault = guardKind.able(node, { ...key, bridge: settings.bridge, port: 'none', mac: containerMac(key) });
    if (fault !== undefined && fault.kind !== 'limited')
      add(
        'guard-impossible',
        'the node cannot hold containers to their MACs, as "macspoofchk" asks',
        fault,
        'modprobe nf_tables',
      );
  }
  const [lack] = settings.vlans === undefined ? [] : collecting(() => verifyVlanFilterable(node.route));
  if (lack !== undefined) {
    const what =
      'bridges of this kernel do not filter by VLAN, as "vlan" and "vlanTrunk" ask; the command shows how it was built';
    add('vlan-filtering-missing', what, asFault(lack), 'grep BRIDGE_VLAN_FILTERING "/boot/config-$(uname -r)"');
  }
  return findings;
}

/** Why no address of the network's ranges can be masqueraded; undefined where that is possible. */
function lackOfMasquerading({ node }: Examination, { request, settings, ipam }: OwnEntry): Fault | undefined {
  const { network, containerId, ifName, dataDir } = request;
  const ranges = (ipam?.rangeSets ?? []).flatMap((set) => set.ranges.slice(0, 1));
  const addresses = ranges.map(({ subnet, family }) => ({
    ip: { family, value: firstValue(subnet) },
    prefix: subnet.prefix,
  }));
  const wanted = { network, containerId, ifName, dataDir, addresses, backend: settings.backend };
  const fault = masqueradeKind.able(node, wanted);
  return fault?.kind === 'limited' ? undefined : fault;
}
