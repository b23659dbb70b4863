/** Matches and targets of iptables as text, as `iptables -S` writes them, for those that people use most. */

import { formatIp, ipFromBytes } from '../address/ip.ts';
import { readCString, readU32le } from './bytes.ts';
import type { Extension } from './nft/expression.ts';

/** XT_CONNTRACK_STATE_BIT: INVALID, ESTABLISHED, RELATED, NEW of bits 0 to 3; SNAT, DNAT, UNTRACKED of bits 6 to 8. */
const STATES = ['INVALID', 'ESTABLISHED', 'RELATED', 'NEW', '', '', 'SNAT', 'DNAT', 'UNTRACKED'];
const MOST_PORTS = 65_535;

/** The extension as options of iptables; it ends in an ellipsis where its options are not known here. */
export function extensionText({ name, extension, info }: Extension): string {
  if (name === 'target') return targetText(extension, info);
  if (extension === 'comment') return `-m comment --comment ${JSON.stringify(readCString(info))}`;
  if (extension === 'conntrack' && info.length >= 154) return conntrackText(info);
  if ((extension === 'tcp' || extension === 'udp') && info.length >= 8) return portsText(extension, info);
  return `-m ${extension} …`;
}

function targetText(extension: string, info: Uint8Array): string {
  if (extension === 'MASQUERADE') return '-j MASQUERADE';
  if ((extension === 'DNAT' || extension === 'SNAT') && info.length >= 40)
    return `-j ${extension} ${addressText(extension, info)}`;
  return `-j ${extension} …`;
}

/** struct nf_nat_range2: u32 flags, lowest and highest address of 16 bytes each, lowest and highest port. */
function addressText(extension: string, info: Uint8Array): string {
  const isIpv6 = info.subarray(8, 20).some((byte) => byte !== 0);
  const ip = formatIp(ipFromBytes(info.subarray(4, isIpv6 ? 20 : 8)));
  const port = ((info[36] as number) << 8) | (info[37] as number);
  const option = extension === 'DNAT' ? '--to-destination' : '--to-source';
  return `${option} ${isIpv6 && port > 0 ? `[${ip}]` : ip}${port === 0 ? '' : `:${port}`}`;
}

/** struct xt_conntrack_mtinfo3: flags and inverted flags at 146, the mask of states behind them. */
function conntrackText(info: Uint8Array): string {
  const [flags, mask] = [readU32le(info, 146), readU32le(info, 150) & 0xffff];
  if ((flags & 0xffff) !== 1) return '-m conntrack …';
  const names = STATES.filter((state, bit) => state !== '' && (mask & (1 << bit)) !== 0);
  return `-m conntrack ${(flags >>> 16) & 1 ? '! ' : ''}--ctstate ${names.join(',')}`;
}

/** struct xt_tcp and xt_udp: lowest and highest source port, lowest and highest destination port. */
function portsText(extension: string, info: Uint8Array): string {
  const port = (at: number) => (info[at] as number) | ((info[at + 1] as number) << 8);
  const range = (option: string, low: number, high: number) => {
    if (low === 0 && high === MOST_PORTS) return '';
    return ` ${option} ${low === high ? low : `${low}:${high}`}`;
  };
  return `-m ${extension}${range('--sport', port(0), port(2))}${range('--dport', port(4), port(6))}`;
}
