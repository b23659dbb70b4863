/** Removing rules: one by its handle, or all of a chain. */

import { attrBytes, attrText, decodeAttributes } from '../attribute.ts';
import type { Request } from '../connection.ts';
import type { Message } from '../message.ts';
import { nftBody, nftRequest, type Table } from './batch.ts';
import * as nft from './constants.ts';

/** By what a rule is known to the kernel: 64 bits, of which nobody but the kernel makes a number. */
export type RuleHandle = Uint8Array;

/** Refused with ENOENT where there is no such rule. */
export function deleteRule(table: Table, chain: string, handle: RuleHandle): Request {
  return removal(`remove a rule of the nftables chain ${chain}`, table, chain, handle);
}

/** Refused with ENOENT where there is no such chain. */
export function flushChain(table: Table, chain: string): Request {
  return removal(`empty the nftables chain ${chain}`, table, chain);
}

/** @throws Truncated */
export function decodeRuleHandle(message: Message): RuleHandle {
  return decodeAttributes(nftBody(message)).get(nft.NFTA_RULE_HANDLE) ?? new Uint8Array(8);
}

function removal(operation: string, table: Table, chain: string, handle?: RuleHandle): Request {
  const place = [attrText(nft.NFTA_RULE_TABLE, table.name), attrText(nft.NFTA_RULE_CHAIN, chain)];
  const attributes = handle === undefined ? place : [...place, attrBytes(nft.NFTA_RULE_HANDLE, handle)];
  return nftRequest({ operation, message: nft.NFT_MSG_DELRULE, flags: 0, family: table.family, attributes });
}
