/**
 * Finds drops in nftables tables that are neither ours nor iptables' (firewalld's, an administrator's). An accept in one table
 * cannot overrule a drop in another, and the tables of other programs are left alone: a drop is reported, with what to do.
 */

import type { Family } from '../../address/ip.ts';
import { Fault, type FaultKind } from '../../fault.ts';
import type { Connection, Request } from '../../netlink/connection.ts';
import { unlessRefused } from '../../netlink/error.ts';
import { query, type Table } from '../../netlink/nft/batch.ts';
import * as nft from '../../netlink/nft/constants.ts';
import { decodeRule, listRules } from '../../netlink/nft/rule.ts';
import { decodeElements, listElements } from '../../netlink/nft/set.ts';
import {
  type Chain,
  decodeChain,
  decodeTable,
  type KernelTable,
  listChains,
  listTables,
} from '../../netlink/nft/table.ts';
import { ENOENT } from '../../sys/errno.ts';
import { NO_NFTABLES, nftIfThere } from '../nftables/nftables.ts';
import type { Node } from '../node.ts';
import { FORWARD } from './chain.ts';
import { outcomeOf, type Packet, type Ruleset } from './rule-outcome.ts';

interface TableFamily {
  readonly number: number;
  readonly name: string;
  readonly sees: readonly Family[];
}

const FAMILIES: readonly TableFamily[] = [
  { number: nft.NFPROTO_INET, name: 'inet', sees: [4, 6] },
  { number: nft.NFPROTO_IPV4, name: 'ip', sees: [4] },
  { number: nft.NFPROTO_IPV6, name: 'ip6', sees: [6] },
];

/** Tables that never drop all that a bridge forwards: ours, the reference plugins', kube-proxy's. */
const HARMLESS = ['trestle', 'cni_plugins_masquerade', 'kube-proxy'];
const OF_IPTABLES = ['filter', 'nat', 'mangle', 'raw', 'security'];
/** Built-in chains of iptables in which iptables never drops all that is forwarded. */
const UNFILTERED = ['PREROUTING', 'POSTROUTING'];
/** The table that firewalld has in panic mode, and for a moment while it reloads. */
export const PANIC = 'firewalld_policy_drop';
/**
 * Where only iptables' tables are there, the chains are listed if there are at most so many: another program may have put a
 * chain into one of those tables.
 */
const FEW = 64;

/** The hooks that a forwarded packet passes, in their order. */
const HOOKS = [nft.NF_INET_PRE_ROUTING, nft.NF_INET_FORWARD, nft.NF_INET_POST_ROUTING];

/** Names the interface by which packets of a family leave to the outside. */
export type UplinkOf = (family: Family) => string | undefined;

/** A chain of another program that drops what a bridge forwards: all of it, or what leaves by `output`. */
export interface ForeignDrop {
  readonly chain: Chain;
  /** Family and name of its table, as `nft` takes them. */
  readonly table: string;
  readonly output: string | undefined;
}

/**
 * A Fault of that kind that names a chain which drops all that the bridge forwards of a family, or all that it forwards to the
 * uplink. Only reads. @throws KernelError
 */
export function findForeignDrop(
  node: Node,
  bridge: string,
  families: ReadonlySet<Family>,
  kind: FaultKind,
  uplinkOf?: UplinkOf,
): Fault | undefined {
  const drop = locateForeignDrop(node, bridge, families, uplinkOf);
  return drop && foreignDrop(drop, bridge, kind);
}

/** Like `findForeignDrop`, for a caller that wants the chain. @throws KernelError */
export function locateForeignDrop(
  node: Node,
  bridge: string,
  families: ReadonlySet<Family>,
  uplinkOf: UplinkOf = () => undefined,
): ForeignDrop | undefined {
  const connection = nftIfThere(node);
  if (connection === undefined) return undefined;
  const tables = (unlessRefused(NO_NFTABLES, () => query(connection, listTables())) ?? []).map(decodeTable);
  const searched = FAMILIES.filter(({ sees }) => sees.some((one) => families.has(one)));
  for (const { number, name, sees } of searched.filter((family) => mayBeForeign(family, tables))) {
    const chains = query(connection, listChains(number)).map(decodeChain).filter(isForeign);
    const uplinks = () => sees.filter((family) => families.has(family)).map(uplinkOf);
    for (const chain of HOOKS.flatMap((hook) => chains.filter((chain) => chain.hook === hook))) {
      const drop = findDrop(connection, chain, bridge, uplinks);
      if (drop !== undefined) return { chain, table: `${name} ${chain.table.name}`, output: drop.output };
    }
  }
  return undefined;
}

/**
 * Whether the chains of a family are worth listing, of which kube-proxy may have thousands. The tables cost one message, and
 * mostly tell enough.
 */
function mayBeForeign({ number }: TableFamily, tables: readonly KernelTable[]): boolean {
  const own = tables.filter(({ family }) => family === number);
  const others = own.filter(({ name }) => !HARMLESS.includes(name));
  const isOfIptables = ({ name }: KernelTable) => number !== nft.NFPROTO_INET && OF_IPTABLES.includes(name);
  if (!others.every(isOfIptables)) return true;
  return others.length > 0 && own.reduce((sum, { uses }) => sum + uses, 0) <= FEW;
}

/**
 * Whether the chain may drop, and belongs to another program. A chain of type `nat` translates addresses; an empty chain drops
 * by its policy alone.
 */
function isForeign(chain: Chain): boolean {
  const { table, type, policy, uses } = chain;
  if (type !== 'filter' || HARMLESS.includes(table.name) || isOfIptables(chain)) return false;
  return uses > 0 || policy === nft.NF_DROP;
}

function isOfIptables({ table, name }: Chain): boolean {
  if (table.family === nft.NFPROTO_INET || !OF_IPTABLES.includes(table.name)) return false;
  return UNFILTERED.includes(name) || (table.name === 'filter' && name === FORWARD);
}

/** The drop of a chain: of all packets, or of those to `output`. @throws KernelError */
function findDrop(
  connection: Connection,
  { table, name, hook, policy }: Chain,
  bridge: string,
  uplinks: () => readonly (string | undefined)[],
): Pick<Packet, 'output'> | undefined {
  const ruleset = rulesetOf(connection, table);
  const isDropped = (packet: Packet) => {
    const outcome = outcomeOf(ruleset, name, packet);
    return outcome === 'dropped' || (outcome === 'returns' && policy === nft.NF_DROP);
  };
  const packet = packetAt(hook, bridge);
  if (isDropped(packet)) return packet;
  if (hook === nft.NF_INET_PRE_ROUTING) return undefined;
  const outputs = uplinks().filter((uplink) => uplink !== undefined && uplink !== bridge);
  return outputs.map((output) => ({ ...packet, output })).find(isDropped);
}

/**
 * What is known of a packet at a hook. Before routing, connection tracking may come later than the chain. After routing,
 * kernels before 5.7 do not know by which interface a packet came, and connection tracking may tell of masquerading.
 */
function packetAt(hook: number | undefined, bridge: string): Packet {
  return { input: hook === nft.NF_INET_POST_ROUTING ? undefined : bridge, isNew: hook === nft.NF_INET_FORWARD };
}

/** Reads the rules of a chain when a packet reaches it, and only once, since a table may have thousands of chains. */
function rulesetOf(connection: Connection, table: Table): Ruleset {
  const ask = (request: Request) => unlessRefused([ENOENT], () => query(connection, request)) ?? [];
  return {
    rulesOf: remembering((chain) => ask(listRules(table, chain)).map(decodeRule)),
    keysOf: remembering((name) =>
      ask(listElements({ table, name }))
        .flatMap(decodeElements)
        .map(({ key }) => key),
    ),
  };
}

function remembering<T extends object>(ask: (name: string) => T): (name: string) => T {
  const known = new Map<string, T>();
  return (name) => {
    const answer = known.get(name) ?? ask(name);
    known.set(name, answer);
    return answer;
  };
}

function foreignDrop({ chain, table: where, output }: ForeignDrop, bridge: string, kind: FaultKind): Fault {
  const { name } = chain;
  const details = `${adviceFor(chain, where, bridge)} Or set "forward": "off", if it is meant.`;
  if (output === undefined) {
    return new Fault(kind, `what ${bridge} forwards is dropped by the chain ${name} of the nftables table ${where}`, {
      details,
    });
  }
  return new Fault(
    kind,
    `what ${bridge} forwards to ${output} is dropped by the chain ${name} of the nftables table ${where}`,
    { details },
  );
}

function adviceFor({ table, name, hook }: Chain, where: string, bridge: string): string {
  if (table.name === PANIC) {
    return 'firewalld drops everything in panic mode, which "firewall-cmd --panic-off" ends, and for a moment while it reloads.';
  }
  if (table.name.startsWith('firewalld')) {
    return `firewalld forwards it in a zone that accepts: "firewall-cmd --permanent --zone=trusted --add-interface=${bridge}", then "firewall-cmd --reload".`;
  }
  if (hook !== nft.NF_INET_FORWARD) {
    return `No other table can overrule that; accept there what containers send, and the replies: "nft list chain ${where} ${name}" shows the rules.`;
  }
  const insert = (match: string) => `"nft insert rule ${where} ${name} ${match} ${bridge} accept"`;
  return `No other table can overrule that; accept it there: ${insert('iifname')} and ${insert('oifname')}.`;
}
