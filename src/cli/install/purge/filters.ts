/** What Trestle has in the packet filters: its own tables, and its chains in the tables of iptables. */

import type { Family } from '../../../address/ip.ts';
import { unlessRefused } from '../../../netlink/error.ts';
import { commit, query, type Table } from '../../../netlink/nft/batch.ts';
import { NFPROTO_BRIDGE, NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 } from '../../../netlink/nft/constants.ts';
import { decodeRule, deleteRule, flushChain, listTableRules } from '../../../netlink/nft/rule.ts';
import { verdictOf } from '../../../netlink/nft/steps.ts';
import {
  decodeChain,
  decodeTable,
  deleteChain,
  deleteTable,
  listChains,
  listTables,
} from '../../../netlink/nft/table.ts';
import { mustRestore, savedRules } from '../../../resources/iptables/iptables.ts';
import { findLegacyTable, readLegacyChains } from '../../../resources/iptables/legacy.ts';
import { NO_NFTABLES, nftIfThere } from '../../../resources/nftables/nftables.ts';
import type { Node } from '../../../resources/node.ts';
import { ENOENT } from '../../../sys/errno.ts';
import type { Step } from '../step.ts';

const TABLE_NAME = 'trestle';
/** Chains of masquerading, and of accepts. */
const CHAIN_PREFIX = 'TRESTLE-';
const TABLES = ['nat', 'filter'] as const;

interface Place {
  readonly family: Family;
  readonly table: (typeof TABLES)[number];
}

const PLACES: readonly Place[] = ([4, 6] as const).flatMap((family) => TABLES.map((table) => ({ family, table })));
const FAMILY_NAMES = new Map([
  [NFPROTO_INET, 'inet'],
  [NFPROTO_BRIDGE, 'bridge'],
]);

/** Removes the chains and the tables, with the rules that lead to the chains. @throws KernelError, SystemError */
export function filterSteps(node: Node): Step[] {
  return [...PLACES.flatMap((place) => [...nftSteps(node, place), ...legacySteps(node, place)]), ...tableSteps(node)];
}

function tableSteps(node: Node): Step[] {
  const nft = nftIfThere(node);
  const tables = (nft && unlessRefused(NO_NFTABLES, () => query(nft, listTables()))) ?? [];
  return tables.map(decodeTable).flatMap(({ family, name }): Step[] => {
    const label = FAMILY_NAMES.get(family);
    if (name !== TABLE_NAME || label === undefined) return [];
    const run = () => void unlessRefused([ENOENT], () => commit(node.nft(), [deleteTable({ family, name })]));
    return [{ action: 'remove', subject: `table ${label} ${name}`, run }];
  });
}

function nftSteps(node: Node, { family, table: name }: Place): Step[] {
  const table: Table = { family: family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6, name };
  return nftChains(node, table).map((chain) => ({
    action: 'remove',
    subject: `chain ${chain}`,
    note: `${iptables(family)} (nf_tables), table ${name}`,
    run: () => removeNftChain(node, table, chain),
  }));
}

function nftChains(node: Node, { family, name }: Table): string[] {
  const nft = nftIfThere(node);
  const replies = nft && unlessRefused([ENOENT, ...NO_NFTABLES], () => query(nft, listChains(family)));
  const chains = (replies ?? []).map(decodeChain).filter(({ table }) => table.name === name);
  return chains.map((chain) => chain.name).filter(isOurs);
}

/** One transaction, so that no packet meets half of it. The chain may have gone with the last attachment. */
function removeNftChain(node: Node, table: Table, chain: string): void {
  if (!nftChains(node, table).includes(chain)) return;
  const rules = query(node.nft(), listTableRules(table)).map(decodeRule);
  const ways = rules.filter(({ expressions }) => verdictOf(expressions)?.chain === chain);
  commit(node.nft(), [
    ...ways.map((rule) => deleteRule(table, rule.chain, rule.handle)),
    flushChain(table, chain),
    deleteChain(table, chain),
  ]);
}

function legacySteps(node: Node, { family, table }: Place): Step[] {
  return legacyChains({ family, table }).map((chain) => ({
    action: 'remove',
    subject: `chain ${chain}`,
    note: `${iptables(family)} (legacy), table ${table}`,
    run: () => {
      if (!legacyChains({ family, table }).includes(chain)) return;
      const ways = savedRules(node, family, 'legacy', table).filter((rule) => rule.endsWith(` -j ${chain}`));
      const commands = [...ways.map((rule) => rule.replace(/^-A /, '-D ')), `-F ${chain}`, `-X ${chain}`];
      mustRestore(node, family, 'legacy', { table, commands });
    },
  }));
}

function legacyChains({ family, table }: Place): string[] {
  const found = findLegacyTable(family, table);
  return found === undefined ? [] : [...readLegacyChains(found).chains.keys()].filter(isOurs);
}

function isOurs(chain: string): boolean {
  return chain.startsWith(CHAIN_PREFIX);
}

function iptables(family: Family): string {
  return family === 4 ? 'iptables' : 'ip6tables';
}
