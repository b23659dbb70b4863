/** Tables and base chains. */

import { attrNest, attrText, attrU32be } from '../attribute.ts';
import type { Request } from '../connection.ts';
import { NLM_F_CREATE } from '../message.ts';
import { nftRequest, type Table } from './batch.ts';
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
