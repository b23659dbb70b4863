/**
 * Forwarding next to Docker and other programs whose FORWARD chain drops what no rule accepts. A packet must be accepted in
 * every table that it passes, so the accept stands in the table that drops: one for each bridge, for as long as a port uses
 * the bridge. It stands behind every rule with a condition, so that what the administrator denies stays denied.
 */

import * as z from 'zod/mini';
import type { Cidr } from '../../address/cidr.ts';
import type { Family } from '../../address/ip.ts';
import { Fault, reasonOf } from '../../fault.ts';
import { cidr, list, object, unsigned } from '../../schema/net.ts';
import { withBridgeLock } from '../bridge-lock.ts';
import { findUplink } from '../links.ts';
import type { Node } from '../node.ts';
import type { Kind, Owned } from '../resource.ts';
import { vlanGatewayName } from '../vlan/gateway-pair.ts';
import { bridgedFamilies, findBridgedDrop } from './bridged.ts';
import type { Acceptance, ForwardMode } from './chain.ts';
import { changeFor, type ForwardAcceptDriver, findingFor, notAcceptable, REMOVAL } from './driver.ts';
import { findForeignDrop } from './foreign-drop.ts';
import { legacyDriver } from './legacy.ts';
import { nftDriver } from './nftables.ts';
import { isAttachedTo, isUsed } from './users.ts';

export interface ForwardAcceptWanted {
  readonly bridge: string;
  /** The VLAN whose gateway forwards; absent where the bridge does. */
  readonly vlan?: number | undefined;
  /** `look`: nothing is accepted, and a warning tells of a drop of bridged frames. */
  readonly mode: ForwardMode | 'look';
  readonly families: readonly Family[];
  /** The subnets of the network, which `open` opens. Records of 0.1.0 have none. */
  readonly subnets?: readonly Cidr[] | undefined;
}

const DRIVERS: readonly ForwardAcceptDriver[] = [nftDriver, legacyDriver];
const FAMILIES: readonly Family[] = [4, 6];

/** Accepts what the bridge, or the gateway of a VLAN, forwards, for as long as a port uses it. */
export const forwardAcceptKind: Kind<ForwardAcceptWanted> = {
  name: 'forward-accept',
  schema: object(
    { bridge: z.string(), mode: z.literal(['auto', 'open', 'look']), families: list(z.literal([4, 6])) },
    { vlan: unsigned(4094), subnets: list(cidr) },
  ),
  /** An accept that cannot be made is only a warning: the administrator may accept in another way, and STATUS reports it. */
  ensure(node, wanted) {
    if (wanted.mode === 'look') warn(node, cannotTell(wanted), () => look(node, wanted));
    else accept(node, wanted, acceptanceOf(wanted));
  },
  verify(node, wanted) {
    if (wanted.mode === 'look') return undefined;
    const finding = findAccept(node, wanted, 'check');
    return finding ?? findDropOfOthers(node, wanted, 'check');
  },
  /** A failed removal does not fail DEL: an accept names no address, so one that is left does no harm to later attachments. */
  remove(node, wanted) {
    if (wanted.mode === 'look') return;
    withBridgeLock(node, () => {
      const link = linkOf(wanted);
      if (isUsed(node.route, link)) return;
      withdraw(node, link);
      withdrawAbandoned(node, wanted.bridge);
    });
  },
  /** The accepts of bridges that are gone, were renamed, or have no port any more. They belong to no attachment. */
  survey: (node) => abandoned(node).map((link) => abandonedAccept(node, link)),
  able(node, wanted) {
    if (wanted.mode === 'look') return look(node, wanted);
    const finding = findObstacle(node, wanted) ?? findForAttached(node, wanted);
    return finding ?? findDropOfOthers(node, wanted, 'limited');
  },
};

/** The link whose packets the accept is for: the bridge, or the gateway of the VLAN. */
export function linkOf({ bridge, vlan }: ForwardAcceptWanted): string {
  return vlan === undefined ? bridge : vlanGatewayName(bridge, vlan);
}

function acceptanceOf({ mode, subnets = [] }: ForwardAcceptWanted): Acceptance {
  return { mode: mode === 'open' ? 'open' : 'auto', subnets };
}

/** Asks each flavour of iptables in each family. @returns the first answer that is not undefined */
function eachForward<T>(
  families: readonly Family[],
  ask: (driver: ForwardAcceptDriver, family: Family) => T | undefined,
): T | undefined {
  for (const family of families) {
    for (const driver of DRIVERS) {
      const answer = ask(driver, family);
      if (answer !== undefined) return answer;
    }
  }
  return undefined;
}

/** Makes the accept in every flavour that needs one; logs what cannot be made. */
function accept(node: Node, wanted: ForwardAcceptWanted, acceptance: Acceptance): void {
  const link = linkOf(wanted);
  let isChanged = false;
  eachForward(wanted.families, (driver, family) => {
    if (changeFor(driver.read(node, family, link), family, link, acceptance) === undefined) return;
    isChanged = true;
    try {
      driver.change(node, family, link, (look) => changeFor(look(), family, link, acceptance));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      warnOf(node, `what ${link} forwards may be dropped: `, error);
    }
  });
  if (isChanged) withdrawAbandoned(node, wanted.bridge);
  warn(node, cannotTell(wanted), () => findDropOfOthers(node, wanted, 'limited'));
}

/** A drop of routed packets in a table of another program. */
function findDropOfOthers(node: Node, wanted: ForwardAcceptWanted, kind: 'check' | 'limited'): Fault | undefined {
  const uplinkOf = (family: Family) => findUplink(node.route, family)?.name;
  return findForeignDrop(node, linkOf(wanted), new Set(wanted.families), kind, uplinkOf);
}

/** A drop of bridged frames, where packet filters see them at all. */
function look(node: Node, { bridge, families }: ForwardAcceptWanted): Fault | undefined {
  const seen = bridgedFamilies(families);
  if (seen.length === 0) return undefined;
  return findBridgedDrop(node, DRIVERS, bridge, seen) ?? findForeignDrop(node, bridge, new Set(seen), 'limited');
}

/** What is off about the accept in iptables, of either flavour. @throws KernelError, SystemError */
export function findAccept(node: Node, wanted: ForwardAcceptWanted, kind: 'check' | 'limited'): Fault | undefined {
  const link = linkOf(wanted);
  return eachForward(wanted.families, (driver, family) => {
    const view = driver.read(node, family, link);
    return view && findingFor(view, family, link, acceptanceOf(wanted), driver.nameFor(family), kind);
  });
}

/** What is off about the accept; undefined before the first ADD, which makes the accept. */
function findForAttached(node: Node, wanted: ForwardAcceptWanted): Fault | undefined {
  const finding = findAccept(node, wanted, 'limited');
  return finding !== undefined && isAttachedTo(node.route, wanted.bridge) ? finding : undefined;
}

/** Why the next ADD could not make an accept that is missing. */
function findObstacle(node: Node, wanted: ForwardAcceptWanted): Fault | undefined {
  const link = linkOf(wanted);
  return eachForward(wanted.families, (driver, family) => {
    const view = driver.read(node, family, link);
    const drop = view?.path.drop;
    if (drop === undefined || changeFor(view, family, link, acceptanceOf(wanted)) === undefined) return undefined;
    const reason = driver.able(node, family, link);
    return reason && notAcceptable(link, driver.nameFor(family), drop.by, reason);
  });
}

/** Removes the accept of a link, in both flavours and families. The caller holds the lock. */
function withdraw(node: Node, link: string): void {
  eachForward(FAMILIES, (driver, family) => {
    try {
      if (!driver.has(node, family, link)) return;
      driver.change(node, family, link, () => (driver.has(node, family, link) ? REMOVAL : undefined));
    } catch (error) {
      warnOf(node, `cannot take the accept of ${link} out: `, error);
    }
  });
}

/** The links with an accept that no port uses. @throws KernelError, SystemError */
function abandoned(node: Node): string[] {
  const links = FAMILIES.flatMap((family) => DRIVERS.flatMap((driver) => driver.acceptedLinks(node, family)));
  return [...new Set(links)].filter((link) => !isUsed(node.route, link));
}

/**
 * Removes the accepts that no port uses, except those of the bridge and of its VLANs, whose port may be about to come. The
 * caller holds the lock.
 */
function withdrawAbandoned(node: Node, bridge: string): void {
  warn(node, 'cannot look for accepts that are left', () => {
    const isOwn = (link: string) => link === bridge || link.startsWith(`${bridge}.`);
    for (const link of abandoned(node)) if (!isOwn(link)) withdraw(node, link);
    return undefined;
  });
}

function abandonedAccept(node: Node, link: string): Owned {
  const remove = () => {
    if (!isUsed(node.route, link)) withdraw(node, link);
  };
  return {
    what: `the accept of ${link}, which no port uses`,
    isOf: () => false,
    remove: () => withBridgeLock(node, remove),
  };
}

function cannotTell(wanted: ForwardAcceptWanted): string {
  return `cannot tell what drops what ${linkOf(wanted)} forwards`;
}

/** Logs what `find` finds, or that it failed. */
function warn(node: Node, cannot: string, find: () => Fault | undefined): void {
  try {
    const finding = find();
    if (finding !== undefined) warnOf(node, '', finding);
  } catch (error) {
    warnOf(node, `${cannot}: `, error);
  }
}

function warnOf({ log }: Node, beginning: string, error: unknown): void {
  const details = error instanceof Fault && error.details !== undefined ? `. ${error.details}` : '';
  log('warn', `${beginning}${reasonOf(error)}${details}`);
}
