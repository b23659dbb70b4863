/** What nf_tables tells of a packet whose `nftrace` is set: a notification for each rule that the packet meets. */

import { decodeAttributes, textAt, u32beAt } from '../attribute.ts';
import type { Message } from '../message.ts';
import { nftBody, type Table } from './batch.ts';
import * as nft from './constants.ts';
import { decodeVerdict, type Verdict } from './expression.ts';
import type { RuleHandle } from './rule.ts';

/** One notification. */
export interface TraceEvent {
  /** The same number for all events of one packet. */
  readonly id: number;
  readonly table: Table;
  readonly chain: string;
  /** A rule that matched; the end of a chain that a rule led to; or the policy at the end of a base chain. */
  readonly type: 'rule' | 'return' | 'policy';
  /** Of the rule; undefined for a policy. */
  readonly handle: RuleHandle | undefined;
  /** NF_* or NFT_*; for a policy that of the chain. */
  readonly verdict: Verdict;
  /** Indices of interfaces. */
  readonly input: number | undefined;
  readonly output: number | undefined;
  /** 0 where the packet has none. */
  readonly mark: number;
  /** The beginnings of the headers: the kernel sends them with the first event of a packet in each base chain. */
  readonly headers: TraceHeaders | undefined;
}

export interface TraceHeaders {
  /** NFPROTO_*: of the packet, not of the table. */
  readonly protocol: number;
  /** At most 20 bytes; none where the packet has no link header yet. */
  readonly link: Uint8Array;
  /** At most 40 bytes. */
  readonly network: Uint8Array;
  /** At most 20 bytes. */
  readonly transport: Uint8Array;
}

const TYPES: Readonly<Record<number, TraceEvent['type']>> = {
  [nft.NFT_TRACETYPE_POLICY]: 'policy',
  [nft.NFT_TRACETYPE_RETURN]: 'return',
  [nft.NFT_TRACETYPE_RULE]: 'rule',
};

const NOTHING = new Uint8Array();

/** @returns undefined for a message that is no trace. @throws Truncated */
export function decodeTrace(message: Message): TraceEvent | undefined {
  if (message.type !== ((nft.NFNL_SUBSYS_NFTABLES << 8) | nft.NFT_MSG_TRACE)) return undefined;
  const attributes = decodeAttributes(nftBody(message));
  const type = TYPES[u32beAt(attributes, nft.NFTA_TRACE_TYPE) ?? 0];
  if (type === undefined) return undefined;
  const given = attributes.get(nft.NFTA_TRACE_VERDICT);
  const policy = u32beAt(attributes, nft.NFTA_TRACE_POLICY);
  const verdict = given === undefined ? undefined : decodeVerdict(decodeAttributes(given));
  const network = attributes.get(nft.NFTA_TRACE_NETWORK_HEADER);
  return {
    id: u32beAt(attributes, nft.NFTA_TRACE_ID) ?? 0,
    table: { family: message.payload[0] ?? 0, name: textAt(attributes, nft.NFTA_TRACE_TABLE) ?? '' },
    chain: textAt(attributes, nft.NFTA_TRACE_CHAIN) ?? '',
    type,
    handle: attributes.get(nft.NFTA_TRACE_RULE_HANDLE),
    verdict: verdict ?? { code: policy ?? nft.NF_ACCEPT, chain: undefined },
    input: u32beAt(attributes, nft.NFTA_TRACE_IIF),
    output: u32beAt(attributes, nft.NFTA_TRACE_OIF),
    mark: u32beAt(attributes, nft.NFTA_TRACE_MARK) ?? 0,
    headers: network && {
      protocol: u32beAt(attributes, nft.NFTA_TRACE_NFPROTO) ?? 0,
      link: attributes.get(nft.NFTA_TRACE_LL_HEADER) ?? NOTHING,
      network,
      transport: attributes.get(nft.NFTA_TRACE_TRANSPORT_HEADER) ?? NOTHING,
    },
  };
}

/** Whether the verdict ends the packet here: NF_DROP, whatever reason stands in its upper bits. */
export function isDrop({ code }: Verdict): boolean {
  return code < nft.FIRST_NFT_VERDICT && (code & nft.NF_VERDICT_MASK) === nft.NF_DROP;
}
