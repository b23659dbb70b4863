/**
 * Forwarding next to Docker and others whose FORWARD chain drops what no rule accepts. A packet must be accepted in every
 * table that it passes, so the accept stands where the drop does: once a bridge, for as long as something is plugged into it.
 * It stands behind every rule with a condition, so that what the administrator denies stays denied.
 */

import * as z from 'zod/mini';
import type { Family } from '../../address/ip.ts';
import { Fault, reasonOf } from '../../fault.ts';
import type { Log } from '../../log.ts';
import type { Connection } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { list, object, unsigned } from '../../schema/net.ts';
import { ENOENT, EOPNOTSUPP } from '../../sys/errno.ts';
import { withBridgeLock } from '../bridge-lock.ts';
import { verifyUsable } from '../iptables/iptables.ts';
import { findLink, findLinks } from '../links.ts';
import { nftIfThere } from '../nftables/nftables.ts';
import type { Node } from '../node.ts';
import { findingOf, type Kind, nothingOwned } from '../resource.ts';
import { vlanGatewayName, vlanUsers } from '../vlan/vlan-gateway.ts';
import { acceptChain, type ForwardMode } from './chain.ts';
import { verifyNoForeignDrop } from './foreign-drop.ts';
import {
  ensureLegacyAccept,
  hasLegacyAccepts,
  isLegacyDone,
  readLegacyForward,
  removeLegacyAccept,
  verifySpeakable,
} from './legacy.ts';
import { ensureNftAccept, hasNftAccepts, readNftForward, removeNftAccept } from './nftables.ts';
import type { Drop, ForwardPath, Standing } from './path.ts';

export interface ForwardAcceptWanted {
  readonly bridge: string;
  /** The VLAN whose gateway forwards; absent: what the bridge forwards. */
  readonly vlan?: number | undefined;
  readonly mode: ForwardMode;
  readonly families: readonly Family[];
}

/** What the bridge, or the gateway of a VLAN, forwards is accepted, for as long as a port uses it. */
export const forwardAcceptKind: Kind<ForwardAcceptWanted> = {
  name: 'forward-accept',
  schema: object(
    { bridge: z.string(), mode: z.literal(['auto', 'open']), families: list(z.literal([4, 6])) },
    { vlan: unsigned(4094) },
  ),
  ensure(node, wanted) {
    const link = linkOf(wanted);
    ensureForwardAccept(node, link, wanted.mode, wanted.families, node.log);
    warnOfDrops(node, link, new Set(wanted.families));
  },
  verify: (node, wanted) =>
    findingOf(() => verifyForwardAccept(node, linkOf(wanted), wanted.mode, new Set(wanted.families))),
  /** It names no address: an accept that stays harms nobody who comes later, so that it cannot be taken out fails no DEL. */
  remove(node, wanted) {
    withBridgeLock(node, () => {
      if (isInUse(node, wanted)) return;
      try {
        removeForwardAccept(node, linkOf(wanted));
      } catch (error) {
        node.log('warn', `cannot take the accept of ${linkOf(wanted)} out: ${reasonOf(error)}`);
      }
    });
  },
  survey: nothingOwned,
  able: (node, wanted) =>
    findingOf(
      () => verifyAcceptable(node, linkOf(wanted), wanted.mode, new Set(wanted.families)),
      ({ kind }) => kind === 'limited',
    ),
};

function linkOf({ bridge, vlan }: ForwardAcceptWanted): string {
  return vlan === undefined ? bridge : vlanGatewayName(bridge, vlan);
}

/** Whether a port uses it. A carrier says yes at once, however many ports there are. */
function isInUse({ route }: Node, { bridge: name, vlan }: ForwardAcceptWanted): boolean {
  const bridge = findLink(route, name);
  if (bridge === undefined) return false;
  if (vlan === undefined) return bridge.carrier || findLinks(route, bridge.index).length > 0;
  const gateway = findLink(route, vlanGatewayName(name, vlan));
  return gateway !== undefined && vlanUsers(route, bridge, gateway, vlan).length > 0;
}

/** A drop in a table of somebody else fails nothing here, and cannot be overruled: CHECK finds it, too. */
function warnOfDrops(node: Node, link: string, families: ReadonlySet<Family>): void {
  try {
    verifyNoForeignDrop(node, link, families, 'limited');
  } catch (error) {
    const details = error instanceof Fault && error.details !== undefined ? `. ${error.details}` : '';
    node.log(
      'warn',
      `${error instanceof Fault ? '' : `cannot tell what drops what ${link} forwards: `}${reasonOf(error)}${details}`,
    );
  }
}

type DropCause = Drop<unknown>['by'];

const FAMILIES: readonly Family[] = [4, 6];
const PROGRAM: Record<Family, string> = { 4: 'iptables', 6: 'ip6tables' };

/**
 * Accepts what the bridge forwards, wherever it would be dropped, and behind whatever may deny it. What cannot be accepted is
 * logged: others may have accepted it in their own way, and STATUS tells. @throws KernelError, SystemError
 */
export function ensureForwardAccept(
  node: Node,
  bridge: string,
  mode: ForwardMode,
  families: Iterable<Family>,
  log: Log,
): void {
  const nft = nftIfThere(node);
  for (const family of families) {
    if (nft !== undefined) acceptInNft(nft, family, bridge, mode, log);
    const legacy = readLegacyForward(family, bridge);
    if (legacy !== undefined && !isLegacyDone(legacy, bridge, mode)) acceptInLegacy(node, family, bridge, mode, log);
  }
}

/** Takes the accept out, in both flavours and families. @throws KernelError, SystemError, Fault */
export function removeForwardAccept(node: Node, link: string): void {
  const nft = nftIfThere(node);
  for (const family of FAMILIES) {
    if (nft !== undefined) removeNftAccept(nft, family, link);
    removeLegacyAccept(node, family, link);
  }
}

/**
 * @throws Fault `check` where packets are dropped and the accept is not there, or none can be; where it overrules what denies;
 * and where it accepts something else than the mode says
 */
export function verifyForwardAccept(
  node: Node,
  bridge: string,
  mode: ForwardMode,
  families: ReadonlySet<Family>,
): void {
  const nft = nftIfThere(node);
  for (const family of families) {
    const seen = nft && readNftForward(nft, family, bridge);
    if (nft !== undefined && seen !== undefined)
      verifyStanding(bridge, `${PROGRAM[family]} (nf_tables)`, seen, () => hasNftAccepts(nft, family, bridge, mode));
    const legacy = readLegacyForward(family, bridge);
    if (legacy !== undefined)
      verifyStanding(bridge, `${PROGRAM[family]} (legacy)`, legacy, () => hasLegacyAccepts(legacy, bridge, mode));
  }
  verifyNoForeignDrop(node, bridge, families, 'check');
}

/** Whether an ADD could accept it, for STATUS. @throws Fault that says why not */
export function verifyAcceptable(node: Node, bridge: string, mode: ForwardMode, families: ReadonlySet<Family>): void {
  for (const family of families) {
    const legacy = readLegacyForward(family, bridge);
    const drop = legacy?.path.drop;
    if (legacy === undefined || drop === undefined || isLegacyDone(legacy, bridge, mode)) continue;
    try {
      verifySpeakable(bridge);
      verifyUsable(node, family, 'legacy');
    } catch (cause) {
      throw notAcceptable(bridge, family, drop.by, cause);
    }
  }
  verifyNoForeignDrop(node, bridge, families, 'limited');
}

/** Kernels without nft_compat or xt_conntrack refuse the accept of replies: ENOENT, EOPNOTSUPP. */
function acceptInNft(nft: Connection, family: Family, bridge: string, mode: ForwardMode, log: Log): void {
  try {
    ensureNftAccept(nft, family, bridge, mode);
  } catch (error) {
    if (!isKernelError(error, ENOENT, EOPNOTSUPP)) throw error;
    log('warn', `what ${bridge} forwards may be dropped: ${reasonOf(error)}`);
  }
}

function acceptInLegacy(node: Node, family: Family, bridge: string, mode: ForwardMode, log: Log): void {
  try {
    ensureLegacyAccept(node, family, bridge, mode);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    log('warn', `what ${bridge} forwards may be dropped: ${reasonOf(error)}`);
  }
}

function verifyStanding(
  bridge: string,
  program: string,
  { standing, path: { drop } }: { readonly standing: Standing; readonly path: ForwardPath<unknown> },
  isWhole: () => boolean,
): void {
  if (standing === 'too early') throw overruling(bridge, program);
  if (drop === undefined) return;
  if (standing === 'missing') throw missingAccept(bridge, program, drop.by);
  if (!isWhole()) throw otherAccept(bridge, program);
}

function missingAccept(bridge: string, program: string, drop: DropCause): Fault {
  const reason = `${whatDrops(drop, program)}, and the accept for ${bridge} is not there`;
  return new Fault('check', `what ${bridge} forwards is dropped: ${reason}`, {
    details: 'Something changed iptables after ADD. The next ADD on this bridge puts the accept back.',
  });
}

function overruling(bridge: string, program: string): Fault {
  const where = `the rule that leads to ${acceptChain(bridge)} in ${program}`;
  return new Fault('check', `what may be denied is let through: rules of FORWARD stand behind ${where}`, {
    details: 'They were added after ADD. The next ADD on this bridge moves the accept behind them.',
  });
}

function otherAccept(bridge: string, program: string): Fault {
  return new Fault(
    'check',
    `what ${bridge} forwards is not accepted as "forward" says: ${acceptChain(bridge)} in ${program} does not hold the rules for it`,
    {
      details:
        'It was changed by hand, or for a network with another "forward" on this bridge. The next ADD makes it anew.',
    },
  );
}

function notAcceptable(bridge: string, family: Family, drop: DropCause, cause: unknown): Fault {
  const why = `${whatDrops(drop, `${PROGRAM[family]}-legacy`)}, and an accept cannot be put there: ${reasonOf(cause)}`;
  return new Fault('limited', `what ${bridge} forwards is dropped: ${why}`, {
    cause,
    details: `${cause instanceof Fault ? cause.details : ''} Or accept it yourself, and set "forward": "off".`.trim(),
  });
}

function whatDrops(drop: DropCause, program: string): string {
  if (drop === 'policy') return `the policy of FORWARD in ${program} is DROP`;
  return `a rule of FORWARD in ${program} drops or rejects everything`;
}
