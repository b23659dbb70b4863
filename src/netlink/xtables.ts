/**
 * The tables of the older iptables, as the kernel hands them out through a socket's options (linux/netfilter_ipv4/ip_tables.h,
 * netfilter_ipv6/ip6_tables.h, netfilter/x_tables.h): one block of entries, each with its matches and its
 * target. They are only read here: the program iptables writes, which takes the lock that other programs honour.
 */

import { type Cidr, maskedNetwork } from '../address/cidr.ts';
import { BITS, type Family } from '../address/ip.ts';
import { errorCode } from '../fault.ts';
import { closeFile } from '../sys/file.ts';
import { libc } from '../sys/libc.ts';
import { concat, cString, pack, readCString, readI32le, readU32le, Truncated } from './bytes.ts';

const ATTEMPTS = 20;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;
/**
 * AF_INET and SOL_IP, AF_INET6 and SOL_IPV6; and where in an entry the interfaces stand, the conditions on the packet's header
 * end, the offsets of target and next entry stand, and the matches begin (struct ipt_entry, struct ip6t_entry).
 */
const LAYOUT = {
  4: { domain: 2, level: 0, interfaces: 16, flags: 82, conditions: 84, offsets: 88, matches: 112 },
  6: { domain: 10, level: 41, interfaces: 64, flags: 131, conditions: 136, offsets: 140, matches: 168 },
} as const;
/** IPT_F_GOTO and IP6T_F_GOTO, among the flags. */
const GOTO = { 4: 2, 6: 4 } as const;
/** IFNAMSIZ: the names of both interfaces, then the masks of both. */
const INTERFACE_BYTES = 16;
/** IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES, and the same of IP6T. */
const GET_INFO = 64;
const GET_ENTRIES = 65;
const NAME_BYTES = 32;
/** struct ipt_getinfo: name, valid hooks, five entries, five underflows, number of entries, size. */
const INFO_BYTES = 84;
const AT_ENTRY = 36;
const AT_UNDERFLOW = 56;
const AT_SIZE = 80;
/** struct ipt_get_entries: name, size, and what aligns the entries to eight. */
const ENTRIES_HEADER = 40;
/**
 * struct xt_entry_match and xt_entry_target: size, name, revision. A verdict, or the name of a chain, stands behind a target.
 */
const EXTENSION_HEADER = 32;

export interface LegacyTable {
  readonly family: Family;
  /** By the hook's number: where its chain begins, and its policy's entry. */
  readonly hookEntry: readonly number[];
  readonly underflow: readonly number[];
  readonly entries: Uint8Array;
}

export interface LegacyEntry {
  readonly offset: number;
  readonly header: HeaderConditions;
  readonly matches: readonly LegacyMatch[];
  /** An accept is -2, a drop -1; not negative: the offset of the chain that is jumped to. Undefined for another target. */
  readonly verdict: number | undefined;
  /** The target's name where it is more than a verdict, such as REJECT. */
  readonly target: string | undefined;
  /** A packet does not come back from the chain that is jumped to. */
  readonly isGoto: boolean;
  /** The chain that begins behind this entry. */
  readonly heads: string | undefined;
}

/** What an entry asks of a packet's header and its interfaces. */
interface HeaderConditions {
  /** Whole names; undefined where any interface will do. */
  readonly input: string | undefined;
  readonly output: string | undefined;
  /** Undefined where any address will do. */
  readonly source: Cidr | undefined;
  readonly destination: Cidr | undefined;
  /** There is more: a protocol, a mask that is no prefix, a pattern of interfaces, a negation. */
  readonly more: boolean;
}

interface LegacyMatch {
  readonly name: string;
  readonly info: Uint8Array;
}

/** Reads a table that the kernel has (see /proc/net/ip_tables_names). @throws SystemError */
export function readLegacyTable(family: Family, table: 'nat' | 'filter'): LegacyTable {
  const fd = libc('socket', LAYOUT[family].domain, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        return read(fd, family, table);
      } catch (error) {
        // Another process changed the table's size between the two questions.
        if (attempt === ATTEMPTS || errorCode(error) !== 'EAGAIN') throw error;
      }
    }
  } finally {
    closeFile(fd);
  }
}

/** The entries in their order, chain by chain. @throws Truncated */
export function decodeEntries({ family, entries }: LegacyTable): LegacyEntry[] {
  const found: LegacyEntry[] = [];
  const { flags, offsets, matches } = LAYOUT[family];
  for (let offset = 0; offset < entries.length; ) {
    const both = readU32le(entries, offset + offsets);
    const [target, next] = [both & 0xffff, both >>> 16];
    if (next < offsets || offset + next > entries.length) throw new Truncated(`entry of ${next} bytes at ${offset}`);
    found.push({
      offset,
      header: decodeHeader(family, entries.subarray(offset, offset + LAYOUT[family].conditions)),
      matches: decodeMatches(entries, offset + matches, offset + target),
      ...decodeTarget(entries, offset + target),
      isGoto: ((entries[offset + flags] as number) & GOTO[family]) !== 0,
    });
    offset += next;
  }
  return found;
}

/** Source, destination and their masks stand in front of the interfaces and their masks (struct ipt_ip, struct ip6t_ip6). */
function decodeHeader(family: Family, bytes: Uint8Array): HeaderConditions {
  const { interfaces, flags } = LAYOUT[family];
  const name = (at: number) =>
    wholeName(bytes, interfaces + at * INTERFACE_BYTES, interfaces + (at + 2) * INTERFACE_BYTES);
  const size = BITS[family] / 8;
  const network = (at: number) =>
    decodeNetwork(bytes.subarray(at * size, (at + 1) * size), bytes.subarray((at + 2) * size, (at + 3) * size));
  const [input, output] = [name(0), name(1)];
  const [source, destination] = [network(0), network(1)];
  const behind = interfaces + 4 * INTERFACE_BYTES;
  const asks = (byte: number, at: number) => at >= behind && (at === flags ? byte & ~GOTO[family] : byte) !== 0;
  const more = [input, output, source, destination].includes(null) || bytes.some(asks);
  return {
    ...{ input: input ?? undefined, output: output ?? undefined },
    ...{ source: source ?? undefined, destination: destination ?? undefined, more },
  };
}

/** Undefined where the mask covers nothing, null where it is no prefix. */
function decodeNetwork(address: Uint8Array, mask: Uint8Array): Cidr | undefined | null {
  return mask.every((byte) => byte === 0) ? undefined : (maskedNetwork(address, mask) ?? null);
}

/** Undefined where the mask covers nothing, null where it covers less or more than a name with its NUL. */
function wholeName(bytes: Uint8Array, at: number, mask: number): string | undefined | null {
  const covered = bytes.subarray(mask, mask + INTERFACE_BYTES).lastIndexOf(0xff) + 1;
  if (covered === 0) return undefined;
  const text = readCString(bytes.subarray(at, at + INTERFACE_BYTES));
  return covered === cString(text).length ? text : null;
}

/** The matches between two places. @throws Truncated */
function decodeMatches(entries: Uint8Array, begin: number, end: number): LegacyMatch[] {
  const found: LegacyMatch[] = [];
  for (let at = begin; at < end; ) {
    const size = readU32le(entries, at) & 0xffff;
    if (size < EXTENSION_HEADER) throw new Truncated(`match of ${size} bytes at ${at}`);
    found.push({ name: extensionName(entries, at), info: entries.subarray(at + EXTENSION_HEADER, at + size) });
    at += size;
  }
  return found;
}

function decodeTarget(entries: Uint8Array, at: number): Pick<LegacyEntry, 'verdict' | 'target' | 'heads'> {
  const target = extensionName(entries, at);
  const data = at + EXTENSION_HEADER;
  if (target === '') return { verdict: readI32le(entries, data), target: undefined, heads: undefined };
  return { verdict: undefined, target, heads: target === 'ERROR' ? readCString(entries.subarray(data)) : undefined };
}

function extensionName(entries: Uint8Array, at: number): string {
  return readCString(entries.subarray(at + 2, at + EXTENSION_HEADER - 1));
}

function read(fd: number, family: Family, table: string): LegacyTable {
  const info = option(fd, family, GET_INFO, named(table, INFO_BYTES));
  const size = readU32le(info, AT_SIZE);
  const request = concat([named(table, NAME_BYTES), pack([4, size], [4, 0]), new Uint8Array(size)]);
  const entries = option(fd, family, GET_ENTRIES, request).subarray(ENTRIES_HEADER);
  return { family, hookEntry: hooks(info, AT_ENTRY), underflow: hooks(info, AT_UNDERFLOW), entries };
}

function option(fd: number, family: Family, name: number, buffer: Uint8Array): Uint8Array {
  libc('getsockopt', fd, LAYOUT[family].level, name, buffer, pack([4, buffer.length]));
  return buffer;
}

function named(table: string, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set(cString(table));
  return bytes;
}

function hooks(info: Uint8Array, at: number): number[] {
  return [0, 1, 2, 3, 4].map((hook) => readU32le(info, at + 4 * hook));
}
