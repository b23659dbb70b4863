/** Tables and chains. */

import { attrNest, attrText, attrU32be, decodeAttributes } from '../attribute.ts';
import { readU32be } from '../bytes.ts';
import type { Request } from '../connection.ts';
import { type Message, NLM_F_CREATE, NLM_F_EXCL } from '../message.ts';
import { nftBody, nftRequest, type Table } from './batch.ts';
import * as nft from './constants.ts';

/** Makes the table unless it is there. */
export function ensureTable({ family, name }: Table): Request {
  const operation = `create the nftables table ${name}`;
  const attributes = [attrText(nft.NFTA_TABLE_NAME, name)];
  return nftRequest({ operation, message: nft.NFT_MSG_NEWTABLE, flags: NLM_F_CREATE, family, attributes });
}

export interface BaseChain {
  readonly table: Table;
  readonly name: string;
  readonly type: 'nat' | 'filter';
  /** NF_INET_*. */
  readonly hook: number;
  readonly priority: number;
}

/** Makes the chain unless it is there. */
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

/** Makes a chain that other rules lead to; refused with EEXIST where it is there. */
export function createChain(table: Table, name: string): Request {
  return chainRequest(
    `create the nftables chain ${name}`,
    table,
    name,
    nft.NFT_MSG_NEWCHAIN,
    NLM_F_CREATE | NLM_F_EXCL,
  );
}

/** Removes a chain with its rules; refused with EBUSY while others lead to it. */
export function deleteChain(table: Table, name: string): Request {
  return chainRequest(`remove the nftables chain ${name}`, table, name, nft.NFT_MSG_DELCHAIN, 0);
}

/** Answered by the chain; refused with ENOENT where there is none. */
export function getChain(table: Table, name: string): Request {
  return chainRequest(`find the nftables chain ${name}`, table, name, nft.NFT_MSG_GETCHAIN, 0);
}

/** The number of rules in a chain and of rules that lead to it. @throws Truncated */
export function decodeChainUse(message: Message): number {
  const use = decodeAttributes(nftBody(message)).get(nft.NFTA_CHAIN_USE);
  return use === undefined ? 0 : readU32be(use);
}

function chainRequest(operation: string, table: Table, name: string, message: number, flags: number): Request {
  const attributes = [attrText(nft.NFTA_CHAIN_TABLE, table.name), attrText(nft.NFTA_CHAIN_NAME, name)];
  return nftRequest({ operation, message, flags, family: table.family, attributes });
}
