/** Our table of nftables' bridge family, `bridge trestle`, and where it looks at frames: before everything else. */

import type { Table } from '../../netlink/nft/batch.ts';
import * as nft from '../../netlink/nft/constants.ts';
import type { BaseChain } from '../../netlink/nft/table.ts';

export const BRIDGE_TABLE: Table = { family: nft.NFPROTO_BRIDGE, name: 'trestle' };

const PLACE = { table: BRIDGE_TABLE, type: 'filter', priority: nft.NF_BR_PRI_NAT_DST_BRIDGED } as const;

/** Frames that come in at a port. */
export const PREROUTING: BaseChain = { ...PLACE, name: 'prerouting', hook: nft.NF_BR_PRE_ROUTING };
/** Frames for the node, among them those to the link-local group addresses (01:80:c2:00:00:0x), which `prerouting` does not see. */
export const INPUT: BaseChain = { ...PLACE, name: 'input', hook: nft.NF_BR_LOCAL_IN };
