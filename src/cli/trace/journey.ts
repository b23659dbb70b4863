/** The way of one packet through the packet filter, put together from the events of its trace. */

import { formatIp, type Ip, ipFromBytes } from '../../address/ip.ts';
import type { Table } from '../../netlink/nft/batch.ts';
import * as nft from '../../netlink/nft/constants.ts';
import type { Verdict } from '../../netlink/nft/expression.ts';
import type { RuleHandle } from '../../netlink/nft/rule.ts';
import { isDrop, type TraceEvent, type TraceHeaders } from '../../netlink/nft/trace.ts';
import { ECHO_REPLY } from '../../netlink/probe/icmp.ts';
import type { Probe } from '../../netlink/probe/packet.ts';
import { type Hook, isTraceTable, stageOf } from './tracer.ts';

/** What a packet is to the probe. */
type PacketKind = 'probe' | 'answer' | 'reset' | 'error' | 'solicitation' | 'advertisement';

/** A rule or policy of another program's, or of ours, that the packet met. */
export interface Met {
  readonly table: Table;
  readonly chain: string;
  /** Undefined for a policy. */
  readonly handle: RuleHandle | undefined;
  readonly verdict: Verdict;
  /** The hook at which it was met. */
  readonly hook: Hook | undefined;
}

/** A hook that the packet came to, or came past. */
export interface Stage {
  readonly isBridge: boolean;
  readonly hook: Hook;
  /** In front of all other chains of the hook; otherwise behind them all. */
  readonly isFirst: boolean;
  readonly input: number | undefined;
  readonly output: number | undefined;
  readonly mark: number;
  readonly ends: Ends | undefined;
}

export interface Ends {
  readonly from: Ip;
  readonly to: Ip;
  readonly fromPort: number | undefined;
  readonly toPort: number | undefined;
}

export interface Journey {
  readonly kind: PacketKind;
  readonly stages: readonly Stage[];
  readonly met: readonly Met[];
  /** What dropped it. */
  readonly end: Met | undefined;
}

/**
 * One journey for each kind of packet, in the order in which they began. The kernel's number of a packet is another one behind
 * a bridge and behind NAT, so that it does not hold a journey together; but one probe is sent, and one answer comes.
 */
export function journeysOf(events: readonly TraceEvent[], probe: Probe): Journey[] {
  const kinds = new Map<number, PacketKind>();
  for (const { id, headers } of events)
    if (headers !== undefined && !kinds.has(id)) kinds.set(id, kindOf(headers, probe));
  const found: PacketKind[] = [...new Set(kinds.values())];
  return found.map((kind) =>
    journeyOf(
      kind,
      events.filter(({ id }) => kinds.get(id) === kind),
    ),
  );
}

/** Whether the packet came to the hook, and, with `isFirst` false, past all its chains. */
export function came(journey: Journey | undefined, isBridge: boolean, hook: Hook, isFirst: boolean): Stage | undefined {
  return journey?.stages.find((one) => one.isBridge === isBridge && one.hook === hook && one.isFirst === isFirst);
}

/** `10.1.0.2`, `10.1.0.2:80`, `[fd00::2]:80` */
export function endText(ip: Ip, port: number | undefined): string {
  if (port === undefined) return formatIp(ip);
  return ip.family === 4 ? `${formatIp(ip)}:${port}` : `[${formatIp(ip)}]:${port}`;
}

function journeyOf(kind: PacketKind, events: readonly TraceEvent[]): Journey {
  const stages: Stage[] = [];
  const met: Met[] = [];
  let hook: Hook | undefined;
  for (const event of events) {
    const { table, chain, handle, verdict } = event;
    const stage = isTraceTable(table) ? stageOf(chain) : undefined;
    if (stage === undefined) {
      if (event.type !== 'return') met.push({ table, chain, handle, verdict, hook });
      continue;
    }
    if (stage.isFirst) hook = stage.hook;
    // The rule that switches the trace on, and the policy of its chain, are the same stage.
    if (event.type !== 'policy') continue;
    // Interfaces and headers come with the first event of the chain.
    const first =
      events.find(
        (one) => one.id === event.id && one.chain === chain && one.table.family === table.family && one.headers,
      ) ?? event;
    const isBridge = table.family === nft.NFPROTO_BRIDGE;
    const { input, output, mark, headers } = first;
    stages.push({ isBridge, ...stage, input, output, mark, ends: headers && endsOf(headers) });
  }
  const last = met.at(-1);
  return { kind, stages, met, end: last !== undefined && isDrop(last.verdict) ? last : undefined };
}

/** The tracer's rules choose the packets, so their type is enough to tell them apart. */
function kindOf({ network, transport }: TraceHeaders, probe: Probe): PacketKind {
  const version = (network[0] ?? 0) >> 4;
  // ARP begins with the type of the hardware, 0x0001; the operation is 1 for a request, 2 for a reply.
  if (version === 0) return network[7] === 2 ? 'advertisement' : 'solicitation';
  const protocol = network[version === 4 ? 9 : 6];
  const [type = 0] = transport;
  if (protocol === 6) return kindOfSegment(transport);
  if (protocol === 17) return portAt(transport, 2) === probe.id ? 'answer' : 'probe';
  if (type === 135) return 'solicitation';
  if (type === 136) return 'advertisement';
  if (type === ECHO_REPLY[version === 4 ? 4 : 6]) return 'answer';
  return type === (version === 4 ? 8 : 128) ? 'probe' : 'error';
}

function kindOfSegment(transport: Uint8Array): PacketKind {
  const flags = transport[13] ?? 0;
  if ((flags & 0x04) !== 0) return 'reset';
  return (flags & 0x10) !== 0 ? 'answer' : 'probe';
}

function portAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** @returns undefined for what is no IP packet */
function endsOf({ network, transport }: TraceHeaders): Ends | undefined {
  const version = (network[0] ?? 0) >> 4;
  if ((version !== 4 || network.length < 20) && (version !== 6 || network.length < 40)) return undefined;
  const [source, size] = version === 4 ? [12, 4] : [8, 16];
  const protocol = network[version === 4 ? 9 : 6];
  const hasPorts = (protocol === 6 || protocol === 17) && transport.length >= 4;
  return {
    from: ipFromBytes(network.subarray(source, source + size)),
    to: ipFromBytes(network.subarray(source + size, source + 2 * size)),
    fromPort: hasPorts ? portAt(transport, 0) : undefined,
    toPort: hasPorts ? portAt(transport, 2) : undefined,
  };
}
