/** Our tables of nftables, and the base chains in which packets come by our rules. */

import type { Table } from '../../netlink/nft/batch.ts';
import * as nft from '../../netlink/nft/constants.ts';
import type { BaseChain } from '../../netlink/nft/table.ts';

const NAME = 'trestle';

/** What is routed, of both families. */
export const ROUTED_TABLE: Table = { family: nft.NFPROTO_INET, name: NAME };
/** What passes a bridge. */
export const BRIDGE_TABLE: Table = { family: nft.NFPROTO_BRIDGE, name: NAME };

/** Packets that are about to leave the node: where their source may be translated. */
export const POSTROUTING: BaseChain = {
  table: ROUTED_TABLE,
  name: 'postrouting',
  type: 'nat',
  hook: nft.NF_INET_POST_ROUTING,
  priority: nft.NF_IP_PRI_NAT_SRC,
};

/** Before everything else that has a name. */
const FIRST = { table: BRIDGE_TABLE, type: 'filter', priority: nft.NF_BR_PRI_NAT_DST_BRIDGED } as const;

/** Frames that come in at a port. */
export const PREROUTING: BaseChain = { ...FIRST, name: 'prerouting', hook: nft.NF_BR_PRE_ROUTING };
/** Frames for the node, among them those to the link-local group addresses (01:80:c2:00:00:0x), which `prerouting` does not see. */
export const INPUT: BaseChain = { ...FIRST, name: 'input', hook: nft.NF_BR_LOCAL_IN };
