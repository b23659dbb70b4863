/** The MAC guard (macspoofchk) of an attachment's port as a resource. */

import * as z from 'zod/mini';
import { Fault, reasonOf } from '../../fault.ts';
import { object, parsed, parseMacAddress } from '../../schema/net.ts';
import { findLink } from '../links.ts';
import { type AttachmentKey, isSameOwner, ownerText } from '../names.ts';
import { type Neighbour, type Node, neighboursToRestore, suspectsOf, takeBack } from '../node.ts';
import { findingOf, type Kind, limitOf, type Owned, type Scope } from '../resource.ts';
import {
  ensureGuard,
  type Guarded,
  mendGuardRules,
  missingGuards,
  ownedGuards,
  removeGuard,
  restoreGuard,
  verifyGuard,
  verifyGuardable,
} from './nftables.ts';
import { removeForeignGuard } from './reference.ts';

interface GuardWanted extends AttachmentKey {
  readonly bridge: string;
  /** The host veth. */
  readonly port: string;
  /** The only source MAC that frames from the port may have. */
  readonly mac: Uint8Array;
}

const text = z.string();

/** It is made before the port and removed after it, so that no frame passes unguarded. */
export const guardKind: Kind<GuardWanted> = {
  name: 'guard',
  schema: object(
    { network: text, containerId: text, ifName: text, bridge: text, port: text, mac: parsed('a MAC', parseMacAddress) },
    { dataDir: text },
  ),
  ensure(node, wanted) {
    const guarded = guardedOf(wanted);
    try {
      let restored: readonly Neighbour[] = [];
      ensureGuard(node.nft(), guarded, () => {
        restored = neighboursToRestore(node);
        return restored.flatMap(guardsOf);
      });
      removeLeaving(node, restored);
    } catch (error) {
      takeBack(node, `remove the MAC guard of ${guarded.port}`, () => removeGuard(node.nft(), guarded));
      throw error;
    }
  },
  verify: (node, wanted) => findingOf(() => verifyGuard(node.nft(), guardedOf(wanted), node.comparedAt)),
  remove(node, wanted) {
    if (findLink(node.route, wanted.port) !== undefined) throw stillThere(wanted);
    removeGuard(node.nft(), guardedOf(wanted));
  },
  survey,
  mend(node, wanted) {
    mendGuardRules(node.nft(), wanted.network);
    const missing = new Set(missingGuards(node.nft(), node.owners?.() ?? []));
    if (missing.size === 0) return;
    const restored = neighboursToRestore(node, missing);
    restoreGuard(node.nft(), wanted.network, restored.flatMap(guardsOf));
    removeLeaving(node, restored);
  },
  able(node) {
    try {
      verifyGuardable(node.nft());
    } catch (cause) {
      const details =
        'macspoofchk needs nf_tables for bridges in the kernel (CONFIG_NF_TABLES_BRIDGE; modprobe nf_tables).';
      return new Fault('unavailable', reasonOf(cause), { cause, details });
    }
    return findLostGuards(node);
  },
};

/** What the attachments of the network have lost, as a limit. @throws KernelError, SystemError where there is no nf_tables */
export function findLostGuards(node: Node): Fault | undefined {
  const missing = new Set(missingGuards(node.nft(), node.owners?.() ?? []));
  const wanted = suspectsOf(node, missing).flatMap((one) => one.wanted(guardKind));
  return limitOf(wanted.flatMap((one) => guardKind.verify(node, one) ?? []));
}

/** Removes again what was restored for a neighbour that another process has begun to delete. */
function removeLeaving(node: Node, restored: readonly Neighbour[]): void {
  const leaving = restored.filter((one) => !one.isStaying());
  for (const guarded of leaving.flatMap(guardsOf)) removeGuard(node.nft(), guarded);
}

function guardsOf(neighbour: Neighbour): Guarded[] {
  return neighbour.wanted(guardKind).map(guardedOf);
}

function guardedOf(wanted: GuardWanted): Guarded {
  const { network, port, mac } = wanted;
  return { network, port, mac, owner: ownerText(wanted) };
}

function survey(node: Node, scope: Scope): Owned[] {
  const { network, dataDir, containerId, ifName } = scope;
  const owned = ownedGuards(node.nft(), scope).map(
    ({ owner, remove }): Owned => ({
      what: `the MAC guard of ${owner}`,
      owner,
      isOf: (attachment) => isSameOwner(owner, ownerText({ ...attachment, network, dataDir })),
      remove,
    }),
  );
  if (containerId === undefined || ifName === undefined) return owned;
  const reference: Owned = {
    what: `the MAC guard that the reference plugin made for ${containerId}`,
    isOf: (attachment) => attachment.containerId === containerId && attachment.ifName === ifName,
    remove: () => removeForeignGuard(node.nft(), { containerId, ifName }),
  };
  return [...owned, reference];
}

function stillThere({ port }: GuardWanted): Fault {
  return new Fault('busy', `cannot remove the MAC guard of ${port}: the port is still there`, {
    details: 'It goes with the port; DEL may be run again at any time.',
  });
}
