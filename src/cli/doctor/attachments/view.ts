/** The living attachments of a node with what their records want and what is there, read once for all sections. */

import { type Cidr, parseCidr } from '../../../address/cidr.ts';
import { type AttachmentRecord, isBeingRemoved } from '../../../ipam/index.ts';
import { execute } from '../../../netlink/connection.ts';
import { decodeAddress, type LinkAddress, listAllAddresses } from '../../../netlink/route/address.ts';
import type { Link } from '../../../netlink/route/link.ts';
import { isBeingMade } from '../../../resources/attachment.ts';
import { vlanGatewayName } from '../../../resources/vlan/gateway-pair.ts';
import { type Listed, podText } from '../../inventory/inventory.ts';
import type { Examination, Finding } from '../examination.ts';
import { type Elsewhere, type Inside, lookInside } from './inside.ts';
import { type Wanted, wantedOf } from './wanted.ts';

/** A recorded attachment that lives. */
export interface Attached extends Listed {
  readonly record: AttachmentRecord;
  readonly wanted: Wanted;
}

export interface View {
  readonly examination: Examination;
  readonly attached: readonly Attached[];
  linkNamed(name: string): Link | undefined;
  linkAt(index: number): Link | undefined;
  /** The interface with the gateway addresses of an attachment: its bridge, or the gateway of its VLAN. */
  gatewayLinkName(one: Attached): string;
  /** The attachment's network namespace; undefined where the record does not name it. */
  inside(one: Attached): Inside | Elsewhere | undefined;
  /** An address with its length, parsed once: the containers of a network have the same gateways and destinations. */
  cidr(text: string): Cidr | undefined;
  /** The addresses of all links of the node. */
  nodeAddresses(): readonly LinkAddress[];
  /**
   * The findings about an attachment, without those of one that is being made or removed at this moment. It counts as troubled
   * from now on where there are errors.
   */
  about(one: Attached, findings: readonly Finding[]): readonly Finding[];
  /** Attachments with an error that an earlier section found: what follows from it is no finding of its own. */
  readonly troubled: Set<Attached>;
  /** Bridges, by name, with an error that an earlier section found. */
  readonly troubledBridges: Set<string>;
}

const views = new WeakMap<Examination, View>();

/** The view of an examination, the same for all its sections. */
export function viewOf(examination: Examination): View {
  const known = views.get(examination);
  if (known !== undefined) return known;
  const view = createView(examination);
  views.set(examination, view);
  return view;
}

/** `pods shop/web-0 eth0` */
export function subjectOf({ network, containerId, pod, ifName }: Omit<Listed, 'life'>): string {
  const who = podText(pod) || (containerId.length > 12 ? containerId.slice(0, 12) : containerId);
  return [network, who, ifName].filter((word) => word !== '').join(' ');
}

/** Whether this is the network namespace of the attachment. */
export function isInside(found: Inside | Elsewhere | undefined): found is Inside {
  return found !== undefined && !('instead' in found);
}

function createView(examination: Examination): View {
  const { node, inventory } = examination;
  const byName = new Map(inventory.links.map((link) => [link.name, link]));
  const byIndex = new Map(inventory.links.map((link) => [link.index, link]));
  const looked = new Map<string, Inside | Elsewhere>();
  const troubled = new Set<Attached>();
  const parsed = new Map<string, Cidr | undefined>();
  let addresses: LinkAddress[] | undefined;
  return {
    examination,
    attached: inventory.attachments.flatMap((one) => attachedOf(one) ?? []),
    linkNamed: (name) => byName.get(name),
    linkAt: (index) => byIndex.get(index),
    gatewayLinkName: ({ wanted: { port, gateway } }) =>
      gateway?.vlan === undefined ? (port?.bridge ?? '') : vlanGatewayName(port?.bridge ?? '', gateway.vlan),
    inside({ netns }) {
      if (netns === undefined) return undefined;
      const key = `${netns.inode} ${netns.path}`;
      const found = looked.get(key) ?? lookInside(node, netns);
      looked.set(key, found);
      return found;
    },
    cidr(text) {
      if (!parsed.has(text)) parsed.set(text, parseCidr(text));
      return parsed.get(text);
    },
    nodeAddresses() {
      addresses ??= (execute(node.route, listAllAddresses())[0] ?? []).map(({ payload }) => decodeAddress(payload));
      return addresses;
    },
    about(one, findings) {
      if (findings.length === 0 || isInMotion(one)) return [];
      if (findings.some(({ level }) => level === 'error')) troubled.add(one);
      return findings;
    },
    troubled,
    troubledBridges: new Set(),
  };
}

function attachedOf(listed: Listed): Attached | undefined {
  const { record, life } = listed;
  if (record === undefined || life.state !== 'alive') return undefined;
  return { ...listed, record, wanted: wantedOf(record) };
}

function isInMotion({ record, dataDir }: Attached): boolean {
  return isBeingMade(record) || isBeingRemoved(dataDir, record);
}
