/** Recorded attachments: what each has on the node by its record, and removing that. */

import { type Cidr, parseCidr } from '../address/cidr.ts';
import { parseMac } from '../address/mac.ts';
import {
  type Attachment,
  type AttachmentRecord,
  attachmentsOf,
  type Host,
  isBeingRemoved,
  listRecords,
  markRemoval,
  recordedAddresses,
} from '../ipam/index.ts';
import type { Log, Step } from '../log.ts';
import { isObject } from '../schema/json.ts';
import { type FileStatus, statPath } from '../sys/directory.ts';
import { EACCES, EPERM } from '../sys/errno.ts';
import { SystemError } from '../sys/libc.ts';
import { startOf } from '../sys/process.ts';
import { addressingKind } from './addressing/addressing.ts';
import { bridgeKind } from './bridge/bridge.ts';
import { forwardAcceptKind } from './forward-accept/forward-accept.ts';
import { forwardingKind } from './forwarding/forwarding.ts';
import { gatewayKind } from './gateway/gateway.ts';
import { guardKind } from './guard/guard.ts';
import { findLinks } from './links.ts';
import { masqueradeKind } from './masquerade/masquerade.ts';
import { type AttachmentKey, hostVethName, ownerText } from './names.ts';
import type { Neighbour, Node } from './node.ts';
import { decodePlan, type Plan, type Resource, removePlan, resource, wantedOf } from './plan.ts';
import { portKind } from './port/port.ts';
import type { Kind } from './resource.ts';
import { vlanGatewayKind } from './vlan/vlan-gateway.ts';

/** Every kind of resource, by which the plans of records are read. */
export const KINDS = [
  bridgeKind,
  vlanGatewayKind,
  gatewayKind,
  forwardAcceptKind,
  guardKind,
  portKind,
  addressingKind,
  masqueradeKind,
  forwardingKind,
] as readonly Kind<unknown>[];

const DENIED: readonly number[] = [EACCES, EPERM];

/**
 * The plan that a record keeps, or that the notes of 0.1.0 amount to. Without a record it is the host veth alone, by its name.
 * `isWanted` says which kinds are read from a record's plan.
 */
export function recordedPlan(
  attachment: Attachment,
  record: AttachmentRecord | undefined,
  dataDir: string,
  log: Log,
  isWanted?: (kind: Kind<unknown>) => boolean,
): Plan {
  if (record?.plan !== undefined) return decodePlan(record.plan, KINDS, log, isWanted);
  const { network, containerId, ifName } = attachment;
  return planOfNotes({ network, containerId, ifName, dataDir }, record);
}

/**
 * Removes all that an attachment has on the node beside its leases, in reverse order and past errors. @throws the first error
 */
export function detach(
  node: Node,
  attachment: Attachment,
  record: AttachmentRecord | undefined,
  dataDir: string,
): void {
  const [failure] = removeRecorded(node, attachment, record, dataDir, (_, act) => act());
  if (failure !== undefined) throw failure;
}

/** Like `detach`, with a step for each resource. @returns the errors in the order in which they came */
export function removeRecorded(
  node: Node,
  attachment: Attachment,
  record: AttachmentRecord | undefined,
  dataDir: string,
  step: Step,
): unknown[] {
  markRemoval(dataDir, attachment);
  const plan = recordedPlan(attachment, record, dataDir, node.log, ({ remove }) => remove !== undefined);
  return removePlan(node, plan, step);
}

/**
 * The other recorded attachments of the network whose host veths are there: a veth dies with its network namespace.
 * @throws Fault `io`, KernelError
 */
export function neighboursOf(node: Node, own: Attachment, dataDir: string, host: Host): Neighbour[] {
  const links = new Set(findLinks(node.route).map(({ name }) => name));
  const ownVeth = hostVethName(own);
  const records = listRecords(dataDir, own.network, host);
  const live = records.filter(({ hostVeth = '' }) => hostVeth !== ownVeth && links.has(hostVeth));
  return live.map((record) => neighbourOf(node, record, dataDir));
}

/** A recorded attachment as a neighbour of others. */
export function neighbourOf(node: Pick<Node, 'log'>, record: AttachmentRecord, dataDir: string): Neighbour {
  return {
    owner: ownerText({ ...record, dataDir }),
    wanted: (kind) =>
      wantedOf(
        recordedPlan(record, record, dataDir, node.log, ({ name }) => name === kind.name),
        kind,
      ),
    isStaying: () => !isBeingRemoved(dataDir, record),
    isBeingMade: () => isBeingMade(record),
  };
}

/** The owner texts of all recorded attachments of a network but this one. @throws Fault `io` */
export function ownersOf(own: Attachment, dataDir: string): string[] {
  const others = attachmentsOf(dataDir, own.network).filter(
    ({ containerId, ifName }) => containerId !== own.containerId || ifName !== own.ifName,
  );
  return others.map((attachment) => ownerText({ ...attachment, dataDir }));
}

/** The process that makes the attachment of a record, or made it. */
export function recordedProcess({ process, notes }: AttachmentRecord): number | undefined {
  return process ?? (typeof notes?.process === 'number' ? notes.process : undefined);
}

/**
 * Whether the process that makes the attachment still runs. Another process may have its ID by now: it must have begun when the
 * record says, and run this very program. A process that this one may not look at has other privileges than a runtime gives its
 * plugins, so it is no plugin.
 */
export function isBeingMade(record: AttachmentRecord): boolean {
  const pid = recordedProcess(record);
  if (pid !== undefined && record.processStart !== undefined && startOf(pid) !== record.processStart) return false;
  const program = pid === undefined ? undefined : programOf(pid);
  const own = statPath('/proc/self/exe');
  return program !== undefined && program.inode === own?.inode && program.device === own.device;
}

/** The executable of a process; undefined where the process has ended or may not be looked at. @throws SystemError */
function programOf(pid: number): FileStatus | undefined {
  try {
    return statPath(`/proc/${pid}/exe`);
  } catch (error) {
    if (error instanceof SystemError && DENIED.includes(error.errno)) return undefined;
    throw error;
  }
}

/** What 0.1.0 noted: the masqueraded addresses (`true`: the leased ones), guarded MAC, accepted bridge, backend. */
function planOfNotes(key: AttachmentKey, record: AttachmentRecord | undefined): Plan {
  const { notes = {} } = record ?? {};
  const name = record?.hostVeth ?? hostVethName(key);
  const plan: Resource[] = [];
  const { bridge, mode } = isObject(notes.forward) ? notes.forward : {};
  if (typeof bridge === 'string' && (mode === 'auto' || mode === 'open')) {
    plan.push(resource(forwardAcceptKind, { bridge, mode, families: [4, 6] }));
  }
  const mac = parseMac(String(notes.guard));
  if (mac !== undefined) plan.push(resource(guardKind, { ...key, bridge: String(bridge ?? ''), port: name, mac }));
  const port = { hairpin: false, isolated: false, keepDown: false, bridge: String(bridge ?? '') };
  if (record === undefined || record.hostVeth !== undefined) plan.push(resource(portKind, { ...key, ...port, name }));
  const addresses = record === undefined ? [] : notedAddresses(record);
  const backend = notes.backend === 'iptables' ? 'iptables' : 'auto';
  if (addresses.length > 0) plan.push(resource(masqueradeKind, { ...key, addresses, backend }));
  return plan;
}

function notedAddresses(record: AttachmentRecord): readonly Cidr[] {
  const masquerade = record.notes?.masquerade;
  if (masquerade === true) return recordedAddresses(record);
  return Array.isArray(masquerade) ? masquerade.flatMap((text) => parseCidr(String(text)) ?? []) : [];
}
