/**
 * Follows packets through the packet filter of one network namespace. A table of our own has rules that set `nftrace` for the
 * packets of one probe, and two empty base chains at each hook, the first and the last there: their events say which hooks a
 * packet came to, and what its headers were there.
 */

import type { Ip } from '../../address/ip.ts';
import { ipToBytes } from '../../address/ip.ts';
import { collecting } from '../../attempt.ts';
import { type Connection, closeConnection, connect } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { decodeMessages } from '../../netlink/message.ts';
import { commit, query, type Table } from '../../netlink/nft/batch.ts';
import * as nft from '../../netlink/nft/constants.ts';
import type { Expression } from '../../netlink/nft/expression.ts';
import { appendRule } from '../../netlink/nft/rule.ts';
import * as steps from '../../netlink/nft/steps.ts';
import * as tables from '../../netlink/nft/table.ts';
import { decodeTrace, type TraceEvent } from '../../netlink/nft/trace.ts';
import { type Probe, protocolNumber } from '../../netlink/probe/packet.ts';
import { openSocket, openTraceSocket } from '../../netlink/socket.ts';
import { EINVAL, EOPNOTSUPP } from '../../sys/errno.ts';
import { isRunning, processId } from '../../sys/process.ts';

/** The hooks by number (NF_INET_*, NF_BR_*), under the names that nft has for them. */
export const HOOKS = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const;
export type Hook = (typeof HOOKS)[number];

/** A table's name is this, and the ID of the process that traces. */
const PREFIX = 'trestle-trace-';
/** Before and behind all other chains, and in front of the confirmation of a connection at 2^31 - 1. */
const FIRST = -0x8000_0000;
const LAST = 0x7fff_fffe;
const ETH_P_ARP = Uint8Array.of(0x08, 0x06);
const NEIGHBOUR_SOLICITATION = 135;

export interface Tracer {
  readonly fd: number;
  /** The nf_tables socket of the namespace. */
  readonly nft: Connection;
  /** The kernel removes the table should this process be killed. */
  readonly isOwned: boolean;
  /** The events that came since the last call. @throws SystemError, Truncated */
  take(): TraceEvent[];
  /** Removes the table. */
  close(): void;
}

/** Whether a table is one of a trace. */
export function isTraceTable({ name }: Table): boolean {
  return name.startsWith(PREFIX);
}

/** The hook and end that a chain of a trace's table stands for. */
export function stageOf(chain: string): { readonly hook: Hook; readonly isFirst: boolean } | undefined {
  const [hook, end] = chain.split('-');
  const known = HOOKS.find((one) => one === hook);
  return known && { hook: known, isFirst: end === 'first' };
}

/**
 * Starts to follow a probe, what answers it, and the solicitation of `nextHop`, in the thread's current network namespace.
 * @throws KernelError where the kernel has no nf_tables; SystemError
 */
export function openTracer(probe: Probe, nextHop: Ip): Tracer {
  const connection = connect(openSocket('netfilter'));
  try {
    removeStale(connection);
    const events = openTraceSocket();
    try {
      const isOwned = createTables(connection, probe, nextHop);
      return {
        fd: events.fd,
        nft: connection,
        isOwned,
        take: () => [...takeEvents(events.next)],
        close: () => {
          // The kernel removes an owned table by itself; saying so makes sure that it is gone when this returns.
          collecting(() => removeTables(connection));
          events.close();
          closeConnection(connection);
        },
      };
    } catch (error) {
      events.close();
      throw error;
    }
  } catch (error) {
    closeConnection(connection);
    throw error;
  }
}

function* takeEvents(next: () => Uint8Array | undefined): Generator<TraceEvent> {
  for (let datagram = next(); datagram !== undefined; datagram = next())
    for (const message of decodeMessages(datagram)) {
      const event = decodeTrace(message);
      if (event !== undefined) yield event;
    }
}

/** @returns whether the kernel removes the tables by itself. @throws KernelError */
function createTables(connection: Connection, probe: Probe, nextHop: Ip): boolean {
  const contents = [nft.NFPROTO_INET, nft.NFPROTO_BRIDGE].map((family) => contentOf(ownTable(family), probe, nextHop));
  const create = (make: (table: Table) => ReturnType<typeof tables.ensureTable>) =>
    // A kernel without tables of the family bridge has no frames to follow.
    contents.forEach(({ table, requests }) => {
      try {
        commit(connection, [make(table), ...requests]);
      } catch (error) {
        if (table.family !== nft.NFPROTO_BRIDGE || !isKernelError(error, EOPNOTSUPP)) throw error;
      }
    });
  try {
    create(tables.createOwnedTable);
    return true;
  } catch (error) {
    if (!isKernelError(error, EINVAL, EOPNOTSUPP)) throw error;
    create(tables.ensureTable);
    return false;
  }
}

function removeTables(connection: Connection): void {
  for (const family of [nft.NFPROTO_INET, nft.NFPROTO_BRIDGE])
    collecting(() => commit(connection, [tables.deleteTable(ownTable(family))]));
}

/** Removes the tables of traces that were killed on a kernel without owned tables. @throws KernelError */
function removeStale(connection: Connection): void {
  for (const table of query(connection, tables.listTables()).map(tables.decodeTable)) {
    if (!isTraceTable(table) || isRunning(Number(table.name.slice(PREFIX.length)))) continue;
    collecting(() => commit(connection, [tables.deleteTable(table)]));
  }
}

function ownTable(family: number): Table {
  return { family, name: `${PREFIX}${processId()}` };
}

function contentOf(table: Table, probe: Probe, nextHop: Ip) {
  const chains = HOOKS.flatMap((name, hook) => [
    tables.ensureChain({ table, name: `${name}-first`, type: 'filter', hook, priority: FIRST }),
    tables.ensureChain({ table, name: `${name}-last`, type: 'filter', hook, priority: LAST }),
  ]);
  const matches = [...matchesOf(probe), ...(table.family === nft.NFPROTO_BRIDGE ? solicitations(probe, nextHop) : [])];
  const rules = ['prerouting-first', 'output-first'].flatMap((chain) =>
    matches.map((match) =>
      appendRule({ table, chain, expressions: [...match, ...steps.traceOn()], comment: 'trestle trace' }),
    ),
  );
  return { table, requests: [...chains, ...rules] };
}

/** The packets of the probe, its answers, and the errors that quote it: by its token, which NAT leaves alone. */
function matchesOf(probe: Probe): Expression[][] {
  const { protocol, token, id, source } = probe;
  const of = (number: number) => steps.matchMeta(nft.NFT_META_L4PROTO, Uint8Array.of(number));
  const own = of(protocolNumber(probe));
  const sequence = token.subarray(0, 4);
  // Eight bytes of ICMP, and the header of the quoted packet.
  const quoted = 8 + (source.family === 4 ? 20 : 40);
  const error = of(source.family === 4 ? 1 : 58);
  if (protocol === 'tcp')
    return [
      [...own, ...steps.matchTransportHeader(4, sequence)],
      [...own, ...steps.matchTransportHeader(8, successor(sequence))],
      [...error, ...steps.matchTransportHeader(quoted + 4, sequence)],
    ];
  const errors = [...error, ...steps.matchTransportHeader(quoted + 8, token)];
  const tokens = [...own, ...steps.matchTransportHeader(8, token)];
  if (protocol === 'icmp') return [tokens, errors];
  return [tokens, [...own, ...steps.matchTransportHeader(2, Uint8Array.of(id >> 8, id & 0xff))], errors];
}

/** ARP (RFC 826) or neighbour discovery (RFC 4861) between the source of the probe and its next hop, both ways. */
function solicitations({ source }: Probe, nextHop: Ip): Expression[][] {
  const [own, other] = [ipToBytes(source), ipToBytes(nextHop)];
  if (source.family === 4) {
    const arp = steps.matchMeta(nft.NFT_META_PROTOCOL, ETH_P_ARP);
    const between = (sender: Uint8Array, target: Uint8Array) => [
      ...arp,
      ...steps.matchNetworkHeader(14, sender),
      ...steps.matchNetworkHeader(24, target),
    ];
    return [between(own, other), between(other, own)];
  }
  const discovery = (type: number, at: number) => [
    ...steps.matchMeta(nft.NFT_META_L4PROTO, Uint8Array.of(58)),
    ...steps.matchTransportHeader(0, Uint8Array.of(type)),
    ...steps.matchNetworkHeader(at, own),
    ...steps.matchTransportHeader(8, other),
  ];
  return [discovery(NEIGHBOUR_SOLICITATION, 8), discovery(NEIGHBOUR_SOLICITATION + 1, 24)];
}

/** The number of four bytes that follows. */
function successor(bytes: Uint8Array): Uint8Array {
  const next = bytes.slice();
  for (let at = next.length - 1; at >= 0; at--) {
    next[at] = (next[at] as number) + 1;
    if (next[at] !== 0) break;
  }
  return next;
}
