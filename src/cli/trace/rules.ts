/** The rules that a packet met, as text, with the command that removes each. */

import { sameBytes } from '../../netlink/bytes.ts';
import { unlessRefused } from '../../netlink/error.ts';
import { query } from '../../netlink/nft/batch.ts';
import * as nft from '../../netlink/nft/constants.ts';
import { decodeRule, type KernelRule, listRules, type RuleHandle } from '../../netlink/nft/rule.ts';
import { ruleText, verdictText } from '../../netlink/nft/text.ts';
import { ENOENT } from '../../sys/errno.ts';
import { findProgram, runProgram } from '../../sys/process.ts';
import type { Met } from './journey.ts';
import type { Tracer } from './tracer.ts';

/** A rule or policy for people. */
export interface Described {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** Undefined for a policy. */
  readonly handle: number | undefined;
  /** In its chain, from 1. */
  readonly number: number | undefined;
  readonly text: string;
  readonly comment: string | undefined;
  readonly verdict: string;
  /** `iptables`: iptables-nft made the rule. */
  readonly by: 'nftables' | 'iptables';
  /** The command line that takes it away. */
  readonly removal: string;
}

const FAMILIES: Readonly<Record<number, string>> = {
  [nft.NFPROTO_INET]: 'inet',
  [nft.NFPROTO_IPV4]: 'ip',
  [nft.NFPROTO_ARP]: 'arp',
  [nft.NFPROTO_NETDEV]: 'netdev',
  [nft.NFPROTO_BRIDGE]: 'bridge',
  [nft.NFPROTO_IPV6]: 'ip6',
};
const TABLES_OF_IPTABLES = ['filter', 'nat', 'mangle', 'raw', 'security'];
const CHAINS_OF_IPTABLES = /^(?:PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)$/;
const PROGRAM_MS = 3_000;

/** Describes what packets meet; each chain is listed once. */
export class Rules {
  readonly #tracer: Pick<Tracer, 'nft'>;
  readonly #searchPath: string;
  readonly #chains = new Map<string, readonly KernelRule[]>();
  readonly #said = new Map<string, string>();

  constructor(tracer: Pick<Tracer, 'nft'>, searchPath: string) {
    this.#tracer = tracer;
    this.#searchPath = searchPath;
  }

  /** @throws KernelError */
  describe({ table, chain, handle, verdict }: Met): Described {
    const family = FAMILIES[table.family] ?? String(table.family);
    const rules = this.#rulesOf(table.family, table.name, chain);
    const by = isOfIptables(family, table.name, chain, rules) ? 'iptables' : 'nftables';
    const place = { family, table: table.name, chain, by, verdict: verdictText(verdict) } as const;
    if (handle === undefined) {
      const removal =
        by === 'iptables'
          ? `${programFor(family)} -t ${table.name} -P ${chain} ACCEPT`
          : `nft 'chain ${family} ${table.name} ${chain} { policy accept; }'`;
      return {
        ...place,
        handle: undefined,
        number: undefined,
        comment: undefined,
        text: `policy ${place.verdict}`,
        removal,
      };
    }
    const at = rules.findIndex((rule) => sameBytes(rule.handle, handle));
    const rule = rules[at];
    const number = at < 0 ? undefined : at + 1;
    const removal =
      by === 'iptables' && number !== undefined
        ? `${programFor(family)} -t ${table.name} -D ${chain} ${number}`
        : `nft delete rule ${family} ${table.name} ${chain} handle ${handleNumber(handle)}`;
    const text = rule === undefined ? `(gone meanwhile) ${place.verdict}` : this.#textOf(place, rule, at);
    return { ...place, handle: handleNumber(handle), number, comment: rule?.comment, text, removal };
  }

  #rulesOf(family: number, table: string, chain: string): readonly KernelRule[] {
    const key = `${family} ${table} ${chain}`;
    const known = this.#chains.get(key);
    if (known !== undefined) return known;
    const replies = unlessRefused([ENOENT], () => query(this.#tracer.nft, listRules({ family, name: table }, chain)));
    const rules = (replies ?? []).map(decodeRule);
    this.#chains.set(key, rules);
    return rules;
  }

  /** The programs say more of rules that have expressions which are not known here; without them the text has an ellipsis. */
  #textOf(place: Pick<Described, 'family' | 'table' | 'chain' | 'by'>, rule: KernelRule, at: number): string {
    const { text, isWhole } = ruleText(rule.expressions.filter(({ name }) => name !== 'counter'));
    if (isWhole) return text;
    return (place.by === 'iptables' ? this.#asIptables(place, at) : this.#asNft(place, rule)) ?? text;
  }

  #asNft(
    { family, table, chain }: Pick<Described, 'family' | 'table' | 'chain'>,
    { handle }: KernelRule,
  ): string | undefined {
    const said = this.#ask('nft', ['-a', 'list', 'chain', family, table, chain]);
    const end = `# handle ${handleNumber(handle)}`;
    const line = said.split('\n').find((one) => one.endsWith(end));
    return line
      ?.slice(0, -end.length)
      .replace(/ comment "[^"]*"/, '')
      .replace(/counter packets \d+ bytes \d+ /, '')
      .trim();
  }

  #asIptables({ family, table, chain }: Pick<Described, 'family' | 'table' | 'chain'>, at: number): string | undefined {
    const said = this.#ask(programFor(family), ['-t', table, '-S', chain]);
    const rules = said.split('\n').filter((line) => line.startsWith('-A '));
    return rules[at]?.replace(`-A ${chain} `, '');
  }

  #ask(name: string, args: readonly string[]): string {
    const key = `${name} ${args.join(' ')}`;
    const known = this.#said.get(key);
    if (known !== undefined) return known;
    const file = findProgram(
      name,
      this.#searchPath.split(':').filter((one) => one !== ''),
    );
    const call = { args, env: { PATH: this.#searchPath }, input: '', deadlineMs: PROGRAM_MS };
    const ended = file === undefined ? undefined : runProgram({ file, ...call });
    const said = ended?.succeeded ? ended.stdout : '';
    this.#said.set(key, said);
    return said;
  }
}

/** `inet trestle forward handle 5`, or `iptables filter FORWARD rule 2`. */
export function placeText({ family, table, chain, handle, number, by }: Described): string {
  if (by === 'iptables') {
    const program = family === 'ip6' ? 'ip6tables' : 'iptables';
    return `${program} ${table} ${chain}${number === undefined ? '' : ` rule ${number}`}`;
  }
  return `nftables ${family} ${table} ${chain}${handle === undefined ? '' : ` handle ${handle}`}`;
}

function isOfIptables(family: string, table: string, chain: string, rules: readonly KernelRule[]): boolean {
  if ((family !== 'ip' && family !== 'ip6') || !TABLES_OF_IPTABLES.includes(table)) return false;
  const hasExtension = rules.some(({ expressions }) =>
    expressions.some(({ name }) => name === 'match' || name === 'target'),
  );
  return hasExtension || CHAINS_OF_IPTABLES.test(chain) || /^[A-Z]/.test(chain);
}

function programFor(family: string): string {
  return family === 'ip6' ? 'ip6tables-nft' : 'iptables-nft';
}

/** Handles count up from 1, so that a number holds them. */
function handleNumber(handle: RuleHandle): number {
  return handle.reduce((sum, byte) => sum * 256 + byte, 0);
}
