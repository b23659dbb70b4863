/** Rules as text, as `nft list ruleset` writes them, as far as their expressions are known here. */

import { formatIp, ipFromBytes } from '../../address/ip.ts';
import { formatMac } from '../../address/mac.ts';
import { readCString, readU32le } from '../bytes.ts';
import { extensionText } from '../xt-text.ts';
import * as nft from './constants.ts';
import type { Cmp, Expression, Payload, Verdict } from './expression.ts';

/** A rule as text. */
interface RuleText {
  readonly text: string;
  /** Nothing of it is left out. */
  readonly isWhole: boolean;
}

type Format = (bytes: Uint8Array) => string;

/** What a register holds: its name in nft, and how its values are written. */
interface Loaded {
  readonly name: string;
  readonly format: Format;
  readonly mask?: Uint8Array;
}

const VERDICTS: Readonly<Record<number, string>> = {
  [nft.NF_DROP]: 'drop',
  [nft.NF_ACCEPT]: 'accept',
  [nft.NF_STOLEN]: 'stolen',
  [nft.NF_QUEUE]: 'queue',
  [nft.NFT_CONTINUE]: 'continue',
  [nft.NFT_BREAK]: 'break',
  [nft.NFT_JUMP]: 'jump',
  [nft.NFT_GOTO]: 'goto',
  [nft.NFT_RETURN]: 'return',
};
/** NFT_CMP_*: equal, not equal, less, less or equal, greater, greater or equal. */
const OPERATORS = ['', '!= ', '< ', '<= ', '> ', '>= '];
const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'ipv6-icmp', 132: 'sctp' };
const FAMILIES: Readonly<Record<number, string>> = { 2: 'ipv4', 10: 'ipv6', 7: 'bridge' };
const CT_STATES = ['invalid', 'established', 'related', 'new'];
const CT_STATUS = ['expected', 'seen-reply', 'assured', 'confirmed', 'snat', 'dnat'];

const number: Format = (bytes) => String(bytes.reduce((sum, byte) => sum * 256 + byte, 0));
const hostNumber: Format = (bytes) => (bytes.length === 4 ? hex(readU32le(bytes)) : number(bytes));
const address: Format = (bytes) =>
  bytes.length === 4 || bytes.length === 16 ? formatIp(ipFromBytes(bytes)) : raw(bytes);
/** iptables compares whole names with their NUL, nft with all sixteen bytes; a shorter one is a beginning. */
const interfaceName: Format = (bytes) => JSON.stringify(readCString(bytes) + (bytes.at(-1) === 0 ? '' : '*'));
const protocol: Format = (bytes) => PROTOCOLS[bytes[0] ?? 0] ?? number(bytes);

const META: Readonly<Record<number, Loaded>> = {
  1: {
    name: 'ether type',
    format: (bytes) => ({ '0800': 'ip', '86dd': 'ip6', '0806': 'arp' })[raw(bytes)] ?? `0x${raw(bytes)}`,
  },
  3: { name: 'meta mark', format: hostNumber },
  6: { name: 'iifname', format: interfaceName },
  7: { name: 'oifname', format: interfaceName },
  15: { name: 'meta nfproto', format: (bytes) => FAMILIES[bytes[0] ?? 0] ?? number(bytes) },
  16: { name: 'meta l4proto', format: protocol },
  17: { name: 'ibrname', format: interfaceName },
  18: { name: 'obrname', format: interfaceName },
};
const CT: Readonly<Record<number, Loaded>> = {
  [nft.NFT_CT_STATE]: { name: 'ct state', format: bitNames(CT_STATES) },
  [nft.NFT_CT_STATUS]: { name: 'ct status', format: bitNames(CT_STATUS) },
  3: { name: 'ct mark', format: hostNumber },
};
/** Fields of the headers: base, offset, length of the whole field; an address may be loaded in part. */
const FIELDS: readonly (readonly [base: number, offset: number, length: number, name: string, format: Format])[] = [
  [nft.NFT_PAYLOAD_LL_HEADER, 0, 6, 'ether daddr', formatMac],
  [nft.NFT_PAYLOAD_LL_HEADER, 6, 6, 'ether saddr', formatMac],
  [nft.NFT_PAYLOAD_LL_HEADER, 12, 2, 'ether type', (bytes) => `0x${raw(bytes)}`],
  [nft.NFT_PAYLOAD_NETWORK_HEADER, 9, 1, 'ip protocol', protocol],
  [nft.NFT_PAYLOAD_NETWORK_HEADER, 12, 4, 'ip saddr', address],
  [nft.NFT_PAYLOAD_NETWORK_HEADER, 16, 4, 'ip daddr', address],
  [nft.NFT_PAYLOAD_NETWORK_HEADER, 6, 1, 'ip6 nexthdr', protocol],
  [nft.NFT_PAYLOAD_NETWORK_HEADER, 8, 16, 'ip6 saddr', address],
  [nft.NFT_PAYLOAD_NETWORK_HEADER, 24, 16, 'ip6 daddr', address],
  [nft.NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, 'th sport', number],
  [nft.NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 'th dport', number],
  [nft.NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, 'icmp type', number],
];

/** The rule as text. */
export function ruleText(expressions: readonly Expression[]): RuleText {
  const registers = new Map<number, Loaded>();
  const parts: string[] = [];
  let isWhole = true;
  for (const one of expressions) {
    const part = partOf(one, registers);
    if (part === undefined) continue;
    if (part.endsWith('…')) isWhole = false;
    parts.push(part);
  }
  return { text: parts.join(' '), isWhole };
}

/** `drop`, `jump CHAIN`. */
export function verdictText({ code, chain }: Verdict): string {
  const name = VERDICTS[code < nft.FIRST_NFT_VERDICT ? code & nft.NF_VERDICT_MASK : code] ?? `verdict ${code}`;
  return chain === undefined ? name : `${name} ${chain}`;
}

/** The text of one expression; undefined for one that only loads; with an ellipsis where not all of it is known. */
function partOf(one: Expression, registers: Map<number, Loaded>): string | undefined {
  switch (one.name) {
    case 'meta':
      if (one.sets) return `meta ${META[one.key]?.name.replace('meta ', '') ?? one.key} set …`;
      return load(registers, one.register, META[one.key] ?? { name: `meta ${one.key}`, format: raw });
    case 'ct':
      return load(registers, one.register, CT[one.key] ?? { name: `ct ${one.key}`, format: raw });
    case 'payload':
      return load(registers, one.register, fieldOf(one));
    case 'bitwise': {
      const loaded = registers.get(one.source) ?? { name: '…', format: raw };
      return load(registers, one.destination, { ...loaded, mask: one.mask });
    }
    case 'cmp':
      return comparisonText(one, registers.get(one.register) ?? { name: '…', format: raw });
    case 'lookup': {
      const kind = one.destination === undefined ? (one.inverted ? '!= ' : '') : 'map ';
      return `${registers.get(one.source)?.name ?? ''} ${kind}@${one.set}`.trim();
    }
    case 'immediate':
      return one.verdict === undefined ? undefined : verdictText(one.verdict);
    case 'match':
    case 'target':
      return extensionText(one);
    case 'masq':
      return 'masquerade';
    case 'unknown':
      return `${one.kind} …`;
    default:
      return one.name;
  }
}

function load(registers: Map<number, Loaded>, register: number, loaded: Loaded): undefined {
  registers.set(register, loaded);
}

function fieldOf({ base, offset, length }: Payload): Loaded {
  const exact = FIELDS.find(([b, at, size]) => b === base && at === offset && size === length);
  const partly = FIELDS.find(([b, at, size]) => b === base && at === offset && size > length && size >= 4);
  if (exact !== undefined) return { name: exact[3], format: exact[4] };
  // nft loads only the bytes that a prefix covers.
  if (partly !== undefined && partly[2] !== 6) {
    const size = partly[2];
    return { name: partly[3], format: (bytes) => `${address(padded(bytes, size))}/${8 * length}` };
  }
  const name = ['@ll', '@nh', '@th'][base] ?? '@';
  return { name: `${name},${8 * offset},${8 * length}`, format: (bytes) => `0x${raw(bytes)}` };
}

function comparisonText({ operator, value }: Cmp, { name, format, mask }: Loaded): string {
  const sign = OPERATORS[operator] ?? '';
  if (mask === undefined) return `${name} ${sign}${format(value)}`;
  // "One of the bits is set" is how nft and iptables ask for a state.
  if (value.every((byte) => byte === 0) && name.startsWith('ct ')) {
    return `${name} ${operator === nft.NFT_CMP_NEQ ? '' : '!= '}${format(mask)}`;
  }
  const prefix = prefixOf(mask);
  if (prefix !== undefined && / [sd]addr$/.test(name)) return `${name} ${sign}${format(value)}/${prefix}`;
  return `${name} & 0x${raw(mask)} ${sign === '' ? '== ' : sign}0x${raw(value)}`;
}

function prefixOf(mask: Uint8Array): number | undefined {
  const bits = [...mask].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const ones = bits.lastIndexOf('1') + 1;
  return bits.slice(0, ones).includes('0') ? undefined : ones;
}

function padded(bytes: Uint8Array, size: number): Uint8Array {
  const whole = new Uint8Array(size);
  whole.set(bytes.subarray(0, size));
  return whole;
}

function bitNames(names: readonly string[]): Format {
  return (bytes) => {
    const bits = bytes.length === 4 ? readU32le(bytes) : 0;
    return names.filter((_, at) => (bits & (1 << at)) !== 0).join(',') || hostNumber(bytes);
  };
}

function raw(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
