/**
 * Forwarding next to Docker and others whose FORWARD chain drops what no rule accepts. A packet must be accepted in every
 * table that it passes, so the accept stands where the drop does: once a bridge, for as long as something is plugged into it.
 */

import type { Family } from '../address/ip.ts';
import { Fault, reasonOf } from '../fault.ts';
import type { Log } from '../log.ts';
import { verifyNoForeignDrop } from './foreign-drop.ts';
import type { Drop } from './forward-drop.ts';
import {
  ensureLegacyAccept,
  isAcceptedInLegacy,
  readLegacyForward,
  removeLegacyAccept,
  verifySpeakable,
} from './forward-legacy.ts';
import { dropInNft, ensureNftAccept, isAcceptedInNft, removeNftAccept } from './forward-nft.ts';
import type { NodeKernel } from './kernel.ts';
import { findLink, findLinks } from './links.ts';
import { nftIfThere } from './nftables.ts';
import { verifyUsable } from './xtables.ts';

const FAMILIES: readonly Family[] = [4, 6];
const PROGRAM: Record<Family, string> = { 4: 'iptables', 6: 'ip6tables' };

/**
 * Accepts what the bridge forwards, wherever it would be dropped. What cannot be accepted is logged: others may have
 * accepted it in their own way, and STATUS tells. @throws KernelError, SystemError
 */
export function ensureForwardAccept(node: NodeKernel, bridge: string, families: Iterable<Family>, log: Log): void {
  const nft = nftIfThere(node);
  for (const family of families) {
    if (nft !== undefined && dropInNft(nft, family) !== undefined) ensureNftAccept(nft, family, bridge);
    const legacy = readLegacyForward(family, bridge);
    if (legacy?.drop !== undefined && !isAcceptedInLegacy(legacy)) acceptInLegacy(node, family, bridge, log);
  }
}

/** Takes the accept out where nothing is plugged into the bridge. @throws KernelError, SystemError, Fault */
export function withdrawForwardAccept(node: NodeKernel, bridge: string, log: Log): void {
  if (isInUse(node, bridge)) return;
  const nft = nftIfThere(node);
  for (const family of FAMILIES) {
    if (nft !== undefined) removeNftAccept(nft, family, bridge);
    removeLegacyAccept(node, family, bridge);
  }
  // An ADD plugs in first and looks for the accept then: either it saw it gone, or its port is seen here.
  if (isInUse(node, bridge)) ensureForwardAccept(node, bridge, FAMILIES, log);
}

/** @throws Fault `check` where packets are dropped and the accept is not there, or none can be */
export function verifyForwardAccept(node: NodeKernel, bridge: string, families: ReadonlySet<Family>): void {
  const nft = nftIfThere(node);
  for (const family of families) {
    const drop = nft && dropInNft(nft, family);
    if (nft !== undefined && drop !== undefined && !isAcceptedInNft(nft, family, bridge))
      throw missingAccept(bridge, family, 'nf_tables', drop);
    const legacy = readLegacyForward(family, bridge);
    if (legacy?.drop !== undefined && !isAcceptedInLegacy(legacy))
      throw missingAccept(bridge, family, 'legacy', legacy.drop);
  }
  verifyNoForeignDrop(node, bridge, families, 'check');
}

/** Whether an ADD could accept it, for STATUS. @throws Fault that says why not */
export function verifyAcceptable(node: NodeKernel, bridge: string, families: ReadonlySet<Family>): void {
  for (const family of families) {
    const legacy = readLegacyForward(family, bridge);
    if (legacy?.drop === undefined || isAcceptedInLegacy(legacy)) continue;
    try {
      verifySpeakable(bridge);
      verifyUsable(node, family, 'legacy');
    } catch (cause) {
      throw notAcceptable(bridge, family, legacy.drop, cause);
    }
  }
  verifyNoForeignDrop(node, bridge, families, 'unavailable');
}

function acceptInLegacy(node: NodeKernel, family: Family, bridge: string, log: Log): void {
  try {
    ensureLegacyAccept(node, family, bridge);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    log('warn', `what ${bridge} forwards may be dropped: ${reasonOf(error)}`);
  }
}

/** A carrier says yes at once, however many ports there are; without one there is none, or none that is up. */
function isInUse(node: NodeKernel, name: string): boolean {
  const bridge = findLink(node.route, name);
  return bridge !== undefined && (bridge.carrier || findLinks(node.route, bridge.index).length > 0);
}

function missingAccept(bridge: string, family: Family, flavour: string, drop: Drop): Fault {
  const reason = `${whatDrops(drop, `${PROGRAM[family]} (${flavour})`)}, and the accept for ${bridge} is not there`;
  return new Fault('check', `what ${bridge} forwards is dropped: ${reason}`, {
    details: 'Something changed iptables after ADD. The next ADD on this bridge puts the accept back.',
  });
}

function notAcceptable(bridge: string, family: Family, drop: Drop, cause: unknown): Fault {
  const why = `${whatDrops(drop, `${PROGRAM[family]}-legacy`)}, and an accept cannot be put there: ${reasonOf(cause)}`;
  return new Fault('unavailable', `what ${bridge} forwards is dropped: ${why}`, {
    cause,
    details: `${cause instanceof Fault ? cause.details : ''} Or accept it yourself, and set "forward": "off".`.trim(),
  });
}

function whatDrops(drop: Drop, program: string): string {
  if (drop === 'policy') return `the policy of FORWARD in ${program} is DROP`;
  return `a rule of FORWARD in ${program} drops or rejects everything`;
}
