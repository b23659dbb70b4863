/** Whose a masquerading rule is, by its comment: the reference plugins' rules, and ours. */

import { type AttachmentKey, isInScope, isSameOwner, ownerText } from '../names.ts';
import type { Owned, Scope } from '../resource.ts';

/** Tells an attachment of the scope by the comment of its rule or element; undefined for a comment of another network. */
export function commentOwner(scope: Scope, comment: string): Owned['isOf'] | undefined {
  const { network, dataDir } = scope;
  const reference = referenceOwner(comment);
  if (reference?.network !== network && !isInScope(scope, comment)) return undefined;
  return (attachment) => {
    const key = { ...attachment, network, dataDir };
    return reference === undefined ? isSameOwner(comment, ownerText(key)) : isReferenceOwner(reference, key);
  };
}

export interface ReferenceOwner {
  readonly network: string;
  readonly containerId: string;
  /** The rules that go through iptables do not say it: they are of all interfaces of the container on the network. */
  readonly ifName: string | undefined;
  /** The comment was too long, and what is left of the ID begins so. */
  readonly isCut: boolean;
}

/** What nftables takes as a comment by the library that the reference uses (knftables, CommentLengthMax). */
const COMMENT_MOST = 128;
/** So much of a cut ID tells which it is: IDs are random. */
const TELLING = 32;

/** `name: "NETWORK" id: "CONTAINER"`, or `HASH-HASH, net: NETWORK, if: INTERFACE, id: CONTAINER`, which may be cut off. */
export function referenceOwner(comment: string): ReferenceOwner | undefined {
  const old = /^name: "([^"]+)" id: "([^"]+)"$/.exec(comment);
  if (old !== null) return { network: old[1] ?? '', containerId: old[2] ?? '', ifName: undefined, isCut: false };
  const found = /^[0-9a-f]{16}-[0-9a-f]{16}, net: ([^ ]+), if: (.+?), id: ([^ ]+)$/.exec(comment);
  if (found === null) return undefined;
  const [, network = '', ifName, containerId = ''] = found;
  const isCut = comment.length >= COMMENT_MOST;
  return isCut && containerId.length < TELLING ? undefined : { network, containerId, ifName, isCut };
}

export function isReferenceOwner(owner: ReferenceOwner, { network, containerId, ifName }: AttachmentKey): boolean {
  const sameId = owner.isCut ? containerId.startsWith(owner.containerId) : containerId === owner.containerId;
  return owner.network === network && sameId && (owner.ifName ?? ifName) === ifName;
}
