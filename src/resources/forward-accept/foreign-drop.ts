/**
 * Drops in tables of nftables that are neither ours nor iptables' (firewalld's, an administrator's). An accept in one table
 * cannot overrule them, and their tables are their own business: they are named, with what to do.
 */

import type { Family } from '../../address/ip.ts';
import { Fault, type FaultKind } from '../../fault.ts';
import type { Connection } from '../../netlink/connection.ts';
import { query, type Table } from '../../netlink/nft/batch.ts';
import * as nft from '../../netlink/nft/constants.ts';
import { decodeRule, type KernelRule, listRules } from '../../netlink/nft/rule.ts';
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
import type { NodeKernel } from '../node.ts';
import { unlessRefused } from '../refused.ts';
import { FORWARD } from './chain.ts';
import { outcomeOf, type Ruleset } from './rule-outcome.ts';

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

/** Tables of programs that drop nothing which a bridge forwards as a whole: ours, the reference plugins', kube-proxy's. */
const HARMLESS = ['trestle', 'cni_plugins_masquerade', 'kube-proxy'];
const OF_IPTABLES = ['filter', 'nat', 'mangle', 'raw', 'security'];
/** So many chains are listed for no other reason than that somebody may have put one into a table of iptables. */
const FEW = 64;

/** A Fault of that kind, which names a chain that drops all that the bridge forwards of a family. Only reads. @throws KernelError */
export function findForeignDrop(
  node: NodeKernel,
  bridge: string,
  families: ReadonlySet<Family>,
  kind: FaultKind,
): Fault | undefined {
  const connection = nftIfThere(node);
  if (connection === undefined) return undefined;
  const tables = (unlessRefused(NO_NFTABLES, () => query(connection, listTables())) ?? []).map(decodeTable);
  const searched = FAMILIES.filter(({ sees }) => sees.some((one) => families.has(one)));
  for (const { number } of searched.filter((family) => mayBeForeign(family, tables))) {
    const chains = query(connection, listChains(number)).map(decodeChain).filter(isForeignForward);
    const dropping = chains.find((chain) => drops(connection, chain, bridge));
    if (dropping !== undefined) return foreignDrop(dropping, bridge, kind);
  }
  return undefined;
}

/**
 * Whether a family is worth listing its chains, of which kube-proxy may have thousands: asking for the tables costs what one
 * message costs, and on most nodes they tell enough.
 */
function mayBeForeign({ number }: TableFamily, tables: readonly KernelTable[]): boolean {
  const own = tables.filter(({ family }) => family === number);
  const others = own.filter(({ name }) => !HARMLESS.includes(name));
  const isOfIptables = ({ name }: KernelTable) => number !== nft.NFPROTO_INET && OF_IPTABLES.includes(name);
  if (!others.every(isOfIptables)) return true;
  return others.length > 0 && own.reduce((sum, { uses }) => sum + uses, 0) <= FEW;
}

function isForeignForward({ table, name, hook }: Chain): boolean {
  const isOfIptables = table.name === 'filter' && table.family !== nft.NFPROTO_INET && name === FORWARD;
  return hook === nft.NF_INET_FORWARD && !isOfIptables && !HARMLESS.includes(table.name);
}

function drops(connection: Connection, { table, name, policy }: Chain, bridge: string): boolean {
  const outcome = outcomeOf(rulesetOf(connection, table), name, bridge);
  return outcome === 'dropped' || (outcome === 'returns' && policy === nft.NF_DROP);
}

/** Chain by chain, as far as a packet gets: a table may have thousands. */
function rulesetOf(connection: Connection, table: Table): Ruleset {
  const known = new Map<string, readonly KernelRule[]>();
  const ask = (chain: string) => unlessRefused([ENOENT], () => query(connection, listRules(table, chain))) ?? [];
  return {
    rulesOf: (chain) => {
      const rules = known.get(chain) ?? ask(chain).map(decodeRule);
      known.set(chain, rules);
      return rules;
    },
    keysOf: (name) => {
      const replies = unlessRefused([ENOENT], () => query(connection, listElements({ table, name }))) ?? [];
      return replies.flatMap(decodeElements).map(({ key }) => key);
    },
  };
}

function foreignDrop({ table, name }: Chain, bridge: string, kind: FaultKind): Fault {
  const where = `${FAMILIES.find(({ number }) => number === table.family)?.name} ${table.name}`;
  return new Fault(kind, `what ${bridge} forwards is dropped by the chain ${name} of the nftables table ${where}`, {
    details: `${adviceFor(table, where, name, bridge)} Or set "forward": "off", if it is meant.`,
  });
}

function adviceFor({ name: table }: Table, where: string, chain: string, bridge: string): string {
  if (table.startsWith('firewalld')) {
    return `firewalld forwards it in a zone that accepts: "firewall-cmd --permanent --zone=trusted --add-interface=${bridge}", then "firewall-cmd --reload".`;
  }
  const insert = (match: string) => `"nft insert rule ${where} ${chain} ${match} ${bridge} accept"`;
  return `No other table can overrule that; accept it there: ${insert('iifname')} and ${insert('oifname')}.`;
}
