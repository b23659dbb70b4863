/** What is on the node: configurations, data directories, networks and attachments. */

import { formatIp } from '../../address/ip.ts';
import {
  type AttachmentRecord,
  DEFAULT_DATA_DIR,
  dataDirOf,
  type Host,
  type Life,
  leasesWithoutRecord,
  listRecords,
  type Netns,
  type Pod,
  storedNetworks,
  type UnrecordedLeases,
  unknown,
} from '../../ipam/index.ts';
import type { Link } from '../../netlink/route/link.ts';
import { mainHost } from '../../plugins/bridge/host.ts';
import { findLinks } from '../../resources/links.ts';
import type { Node } from '../../resources/node.ts';
import { isObject } from '../../schema/json.ts';
import { statPath } from '../../sys/directory.ts';
import type { PlaceFlags } from '../flags.ts';
import { type Configuration, readConfigurations } from './configurations.ts';

export { podText } from '../../ipam/index.ts';

/** A network in a data directory. */
export interface StoredNetwork {
  readonly network: string;
  readonly dataDir: string;
}

/** One attachment as the node's files have it, judged. */
export interface Listed extends StoredNetwork {
  readonly containerId: string;
  readonly ifName: string;
  readonly pod: Pod | undefined;
  /** With the subnet's length where a record has it. */
  readonly addresses: readonly string[];
  readonly hostVeth: string | undefined;
  readonly bridge: string | undefined;
  readonly netns: Netns | undefined;
  readonly life: Life;
  /** ISO 8601. */
  readonly createdAt: string | undefined;
  /** Undefined for a lease without a record. */
  readonly record: AttachmentRecord | undefined;
}

export interface Inventory {
  readonly configurations: readonly Configuration[];
  readonly dataDirs: readonly string[];
  readonly networks: readonly StoredNetwork[];
  readonly attachments: readonly Listed[];
  /** The links of the node, from one dump. */
  readonly links: readonly Link[];
}

/**
 * Reads what is on the node. Records and leases that cannot be read are logged and left out. @throws Fault `io`, KernelError,
 * SystemError
 */
export function takeInventory(node: Node, { dataDir, confDir }: PlaceFlags, only?: string): Inventory {
  const configurations = readConfigurations(confDir);
  const dataDirs = dataDir !== undefined && dataDir.length > 0 ? [...new Set(dataDir)] : dataDirsOf(configurations);
  const links = findLinks(node.route);
  const all = dataDirs.flatMap((one) => storedNetworks(one).map((network) => ({ network, dataDir: one })));
  const networks = all.filter(({ network }) => only === undefined || network === only);
  const attachments = networks.flatMap((one) => attachmentsOn(one, hostOf(node, one.dataDir, links)));
  return { configurations, dataDirs, networks, attachments, links };
}

/** The data directories of the configurations' plugins, and the default one; those that are there. */
export function dataDirsOf(configurations: readonly Configuration[]): string[] {
  const configured = configurations.flatMap(({ plugins }) =>
    plugins.flatMap(({ json: { ipam } }) => (isObject(ipam) && typeof ipam.type === 'string' ? [dataDirIn(ipam)] : [])),
  );
  return [...new Set([...configured, DEFAULT_DATA_DIR])].filter((path) => statPath(path)?.isDirectory);
}

/** The host of a command, which looks up host veths in one dump. */
export function hostOf(node: Node, dataDir: string, links: readonly Link[]): Host {
  const byName = new Map(links.map((link) => [link.name, link]));
  return mainHost(node, dataDir, (name) => byName.get(name));
}

function attachmentsOn({ network, dataDir }: StoredNetwork, host: Host): Listed[] {
  const records = listRecords(dataDir, network, host);
  const unrecorded = leasesWithoutRecord(dataDir, network, records);
  const listed = [
    ...records.map((record) => recorded(record, dataDir, host)),
    ...unrecorded.map((leases) => withoutRecord({ network, dataDir }, leases)),
  ];
  return listed.sort((a, b) => (a.createdAt ?? '').localeCompare(b.createdAt ?? ''));
}

function recorded(record: AttachmentRecord, dataDir: string, host: Host): Listed {
  const { network, containerId, ifName, pod, addresses, hostVeth, netns, createdAt } = record;
  const bridge = bridgeOf(record);
  const life = host.judge(record);
  return { network, dataDir, containerId, ifName, pod, addresses, hostVeth, bridge, netns, life, createdAt, record };
}

function withoutRecord(where: StoredNetwork, { holder, text, ips }: UnrecordedLeases): Listed {
  return {
    ...where,
    containerId: holder?.containerId ?? `(${text})`,
    ifName: holder?.ifName ?? '',
    addresses: ips.map(formatIp),
    life: unknown('there is a lease, and no record'),
    ...{ pod: undefined, hostVeth: undefined, bridge: undefined, netns: undefined },
    ...{ createdAt: undefined, record: undefined },
  };
}

/** The bridge of the port, as the plan says; 0.1.0 noted it only where it accepted forwarded packets. */
function bridgeOf({ plan = [], notes }: AttachmentRecord): string | undefined {
  const port = plan.find((one) => isObject(one) && one.kind === 'port');
  const named = isObject(port) ? port.bridge : isObject(notes?.forward) ? notes.forward.bridge : undefined;
  return typeof named === 'string' && named !== '' ? named : undefined;
}

function dataDirIn(ipam: Readonly<Record<string, unknown>>): string {
  return dataDirOf({ dataDir: typeof ipam.dataDir === 'string' ? ipam.dataDir : undefined });
}
