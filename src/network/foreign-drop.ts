/**
 * Drops in tables of nftables that are neither ours nor iptables' (firewalld's, an administrator's). An accept in one table
 * cannot overrule them, and their tables are their own business: they are named, with what to do.
 */

import type { Family } from '../address/ip.ts';
import { Fault, type FaultKind } from '../fault.ts';
import type { Connection } from '../netlink/connection.ts';
import { query, type Table } from '../netlink/nft/batch.ts';
import { type Chain, decodeChain, listChains } from '../netlink/nft/chain.ts';
import * as nft from '../netlink/nft/constants.ts';
import { decodeRule, listTableRules } from '../netlink/nft/rule-reading.ts';
import { decodeElements, listElements } from '../netlink/nft/set.ts';
import { ENOENT } from '../sys/errno.ts';
import { FORWARD } from './accept-chain.ts';
import { grouped } from './grouped.ts';
import type { NodeKernel } from './kernel.ts';
import { NO_NFTABLES, nftIfThere } from './nftables.ts';
import { unlessRefused } from './refused.ts';
import { outcomeOf, type Ruleset } from './rule-outcome.ts';

interface TableFamily {
  readonly name: string;
  readonly sees: readonly Family[];
}

const FAMILIES: Readonly<Record<number, TableFamily>> = {
  [nft.NFPROTO_INET]: { name: 'inet', sees: [4, 6] },
  [nft.NFPROTO_IPV4]: { name: 'ip', sees: [4] },
  [nft.NFPROTO_IPV6]: { name: 'ip6', sees: [6] },
};

/** @throws Fault of that kind, which names a chain that drops all that the bridge forwards of a family; KernelError */
export function verifyNoForeignDrop(
  node: NodeKernel,
  bridge: string,
  families: ReadonlySet<Family>,
  kind: FaultKind,
): void {
  const connection = nftIfThere(node);
  if (connection === undefined) return;
  const replies = unlessRefused(NO_NFTABLES, () => query(connection, listChains())) ?? [];
  const dropping = replies
    .map(decodeChain)
    .filter((chain) => isForeignForward(chain, families))
    .find((chain) => drops(connection, chain, bridge));
  if (dropping !== undefined) throw foreignDrop(dropping, bridge, kind);
}

function isForeignForward({ table, name, hook }: Chain, families: ReadonlySet<Family>): boolean {
  const isOfIptables = table.name === 'filter' && table.family !== nft.NFPROTO_INET && name === FORWARD;
  return (
    hook === nft.NF_INET_FORWARD &&
    !isOfIptables &&
    FAMILIES[table.family]?.sees.some((one) => families.has(one)) === true
  );
}

function drops(connection: Connection, { table, name, policy }: Chain, bridge: string): boolean {
  const outcome = outcomeOf(rulesetOf(connection, table), name, bridge);
  return outcome === 'dropped' || (outcome === 'returns' && policy === nft.NF_DROP);
}

function rulesetOf(connection: Connection, table: Table): Ruleset {
  const rules = unlessRefused([ENOENT], () => query(connection, listTableRules(table))) ?? [];
  const byChain = grouped(rules.map(decodeRule), ({ chain }) => chain);
  return {
    rulesOf: (chain) => byChain.get(chain) ?? [],
    keysOf: (name) => {
      const replies = unlessRefused([ENOENT], () => query(connection, listElements({ table, name }))) ?? [];
      return replies.flatMap(decodeElements).map(({ key }) => key);
    },
  };
}

function foreignDrop({ table, name }: Chain, bridge: string, kind: FaultKind): Fault {
  const where = `${FAMILIES[table.family]?.name} ${table.name}`;
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
