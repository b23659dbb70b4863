/**
 * How the MAC guard lies in nftables, once for all networks. The set `ports` holds the host veths whose frames are looked
 * at, `macs` each with the MAC that it may send from; so a frame costs two look-ups, however many containers there are.
 * A bridge learns who is where from frames to the link-local group addresses, too.
 */

import { hashHex } from '../../address/hash.ts';
import { formatMac } from '../../address/mac.ts';
import { concat, cString } from '../../netlink/bytes.ts';
import * as nft from '../../netlink/nft/constants.ts';
import type { Key, NftSet } from '../../netlink/nft/set.ts';
import * as steps from '../../netlink/nft/steps.ts';
import { ANCHOR } from '../names.ts';
import type { Branch } from '../nftables/branch.ts';
import type { Frame } from '../nftables/removal.ts';
import { BRIDGE_TABLE, INPUT, PREROUTING } from '../nftables/tables.ts';

const CHAIN = 'guard';
/** IFNAMSIZ: a key of the type ifname, filled up with NULs. */
const NAME_LENGTH = 16;
/** The frame's source MAC: where it stands in the link header, and its length. */
const SOURCE_MAC = 6;
const MAC_BYTES = 6;
/** A MAC, filled up to whole registers of four bytes. */
const MAC_LENGTH = 8;
const PAIR_TYPE = (nft.TYPE_IFNAME << nft.TYPE_BITS) | nft.TYPE_ETHERADDR;

export const PORTS: NftSet = {
  table: BRIDGE_TABLE,
  name: 'ports',
  keyType: nft.TYPE_IFNAME,
  keyLength: NAME_LENGTH,
  isHostOrder: true,
};
export const MACS: NftSet = {
  table: BRIDGE_TABLE,
  name: 'macs',
  keyType: PAIR_TYPE,
  keyLength: NAME_LENGTH + MAC_LENGTH,
};

const HOOKS = [PREROUTING, INPUT];

export const GUARD_FRAME: Frame = { chain: CHAIN, sets: [PORTS, MACS], bases: HOOKS };

export function portKey(port: string): Key {
  return { bytes: filled(cString(port), NAME_LENGTH), text: port };
}

export function pairKey(port: string, mac: Uint8Array): Key {
  const bytes = concat([portKey(port).bytes, filled(mac, MAC_LENGTH)]);
  return { bytes, text: `${port} with ${formatMac(mac)}` };
}

/** Whether an element of `macs` is this port's. */
export function isOfPort(port: string, key: Uint8Array): boolean {
  return portKey(port).bytes.every((byte, at) => key[at] === byte);
}

/** The sets are everybody's, so each network has anchors of its own, under a name that no interface can have. */
export function guardBranch(network: string): Branch {
  const anchor = `/${hashHex('guard anchor', network).slice(0, 14)}`;
  return {
    chain: CHAIN,
    sets: [PORTS, MACS],
    anchors: [
      { set: PORTS, key: portKey(anchor), owner: ANCHOR },
      { set: MACS, key: pairKey(anchor, new Uint8Array(MAC_BYTES)), owner: ANCHOR },
    ],
    // iifname @ports jump guard
    entrances: HOOKS.map((base) => ({
      base,
      expressions: () => [steps.loadMeta(nft.NFT_META_IIFNAME), steps.lookupIn(PORTS.name), steps.jumpTo(CHAIN)],
    })),
    // iifname . ether saddr != @macs drop
    rule: () => [
      steps.loadMeta(nft.NFT_META_IIFNAME),
      steps.loadLinkHeader(SOURCE_MAC, MAC_BYTES, nft.NFT_REG_2),
      steps.lookupNotIn(MACS.name),
      steps.drop(),
    ],
  };
}

function filled(bytes: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(bytes);
  return whole;
}
