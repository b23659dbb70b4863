/** Tables, base chains, and chains that rules jump to. */

import { attrNest, attrText, attrU32be, decodeAttributes, nested, textAt, u32beAt } from '../attribute.ts';
import type { Request } from '../connection.ts';
import { type Message, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from '../message.ts';
import { nftBody, nftRequest, type Table } from './batch.ts';
import * as nft from './constants.ts';

/** A table as the kernel has it. */
export interface KernelTable extends Table {
  /** How many chains, sets and objects are in it. */
  readonly uses: number;
}

export interface BaseChain {
  readonly table: Table;
  readonly name: string;
  readonly type: 'nat' | 'filter';
  /** NF_INET_*, or NF_BR_* in a bridge table. */
  readonly hook: number;
  readonly priority: number;
}

export interface Chain {
  readonly table: Table;
  readonly name: string;
  /** Where packets come into it, NF_INET_*; undefined for a chain that rules jump to. */
  readonly hook: number | undefined;
  /** `filter`, `nat` or `route`; undefined for a chain that rules jump to. */
  readonly type: string | undefined;
  /** What becomes of a packet at its end, NF_*. */
  readonly policy: number | undefined;
  /** How many rules it has, and how many jump to it, together. */
  readonly uses: number;
}

/** Creates the table unless it is there. */
export function ensureTable({ family, name }: Table): Request {
  const operation = `create the nftables table ${name}`;
  const attributes = [attrText(nft.NFTA_TABLE_NAME, name)];
  return nftRequest({ operation, message: nft.NFT_MSG_NEWTABLE, flags: NLM_F_CREATE, family, attributes });
}

/**
 * Creates a table that the kernel removes when this socket closes, and that no other socket may change meanwhile. Refused with
 * EEXIST where there is one of the name, and with EINVAL or EOPNOTSUPP by a kernel before 5.12.
 */
export function createOwnedTable({ family, name }: Table): Request {
  const operation = `create the nftables table ${name}`;
  const attributes = [attrText(nft.NFTA_TABLE_NAME, name), attrU32be(nft.NFTA_TABLE_FLAGS, nft.NFT_TABLE_F_OWNER)];
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  return nftRequest({ operation, message: nft.NFT_MSG_NEWTABLE, flags, family, attributes });
}

/** Removes the table with all that is in it; refused with ENOENT where there is none. */
export function deleteTable({ family, name }: Table): Request {
  const operation = `remove the nftables table ${name}`;
  const attributes = [attrText(nft.NFTA_TABLE_NAME, name)];
  return nftRequest({ operation, message: nft.NFT_MSG_DELTABLE, flags: 0, family, attributes });
}

/** Answered by the table; refused with ENOENT where there is none. */
export function getTable({ family, name }: Table): Request {
  const operation = `find the nftables table ${name}`;
  const attributes = [attrText(nft.NFTA_TABLE_NAME, name)];
  return nftRequest({ operation, message: nft.NFT_MSG_GETTABLE, flags: 0, family, attributes });
}

/** Answered by all tables of all families. */
export function listTables(): Request {
  const operation = 'list the tables of nftables';
  return nftRequest({ operation, message: nft.NFT_MSG_GETTABLE, flags: NLM_F_DUMP, family: 0, attributes: [] });
}

/** @throws Truncated */
export function decodeTable(message: Message): KernelTable {
  const attributes = decodeAttributes(nftBody(message));
  return {
    family: message.payload[0] ?? 0,
    name: textAt(attributes, nft.NFTA_TABLE_NAME) ?? '',
    uses: u32beAt(attributes, nft.NFTA_TABLE_USE) ?? 0,
  };
}

/** Creates the chain unless it is there. */
export function ensureChain({ table, name, type, hook, priority }: BaseChain): Request {
  const place = [attrU32be(nft.NFTA_HOOK_HOOKNUM, hook), attrU32be(nft.NFTA_HOOK_PRIORITY, priority)];
  return nftRequest({
    operation: `create the nftables chain ${name}`,
    message: nft.NFT_MSG_NEWCHAIN,
    flags: NLM_F_CREATE,
    family: table.family,
    attributes: [
      attrText(nft.NFTA_CHAIN_TABLE, table.name),
      attrText(nft.NFTA_CHAIN_NAME, name),
      attrNest(nft.NFTA_CHAIN_HOOK, ...place),
      attrText(nft.NFTA_CHAIN_TYPE, type),
    ],
  });
}

/** Answered by the chain; refused with ENOENT where there is none. */
export function getChain(table: Table, name: string): Request {
  return chainRequest(`find the nftables chain ${name}`, nft.NFT_MSG_GETCHAIN, 0, table, name);
}

/** Answered by all chains of a family. */
export function listChains(family: number): Request {
  const operation = 'list the chains of nftables';
  return nftRequest({ operation, message: nft.NFT_MSG_GETCHAIN, flags: NLM_F_DUMP, family, attributes: [] });
}

/** A chain that rules jump to; refused with EEXIST where there is one of that name. */
export function createChain(table: Table, name: string): Request {
  return chainRequest(
    `create the nftables chain ${name}`,
    nft.NFT_MSG_NEWCHAIN,
    NLM_F_CREATE | NLM_F_EXCL,
    table,
    name,
  );
}

/** Refused with EBUSY where it has rules or rules jump to it, with ENOENT where there is none. */
export function deleteChain(table: Table, name: string): Request {
  return chainRequest(`remove the nftables chain ${name}`, nft.NFT_MSG_DELCHAIN, 0, table, name);
}

/** @throws Truncated */
export function decodeChain(message: Message): Chain {
  const attributes = decodeAttributes(nftBody(message));
  return {
    table: { family: message.payload[0] ?? 0, name: textAt(attributes, nft.NFTA_CHAIN_TABLE) ?? '' },
    name: textAt(attributes, nft.NFTA_CHAIN_NAME) ?? '',
    hook: u32beAt(nested(attributes, nft.NFTA_CHAIN_HOOK), nft.NFTA_HOOK_HOOKNUM),
    type: textAt(attributes, nft.NFTA_CHAIN_TYPE),
    policy: u32beAt(attributes, nft.NFTA_CHAIN_POLICY),
    uses: u32beAt(attributes, nft.NFTA_CHAIN_USE) ?? 0,
  };
}

function chainRequest(operation: string, message: number, flags: number, table: Table, name: string): Request {
  const attributes = [attrText(nft.NFTA_CHAIN_TABLE, table.name), attrText(nft.NFTA_CHAIN_NAME, name)];
  return nftRequest({ operation, message, flags, family: table.family, attributes });
}
