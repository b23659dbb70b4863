/** FORWARD of the older iptables. It is read from the kernel and changed through the program. */

import { formatCidr } from '../../address/cidr.ts';
import type { Family } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import { isStateMatch } from '../../netlink/xt-conntrack.ts';
import { findPrograms, type Programs, quoted, type Refusal, restore } from '../iptables/iptables.ts';
import {
  findLegacyTable,
  type LegacyChains,
  type LegacyRule,
  legacyTableHolds,
  readLegacyChains,
} from '../iptables/legacy.ts';
import { type Accept, acceptChain, acceptedLink, FORWARD, isAcceptChain, STATE_LISTS } from './chain.ts';
import type { Change, Decide, ForwardAcceptDriver, ForwardView } from './driver.ts';
import { type Action, actionOfTarget, type ChainRule, forwardPath, type Place } from './path.ts';

/** The verdicts of an entry: -NF_DROP - 1, -NF_ACCEPT - 1 and XT_RETURN. */
const DROP = -1;
const ACCEPT = -2;
const RETURN = -5;
const ATTEMPTS = 5;
/** Names that iptables takes for an interface, and not for a pattern, a negation or an option. */
const PLAIN_NAME = /^[\w.][\w.:@-]*$/;

/** The driver for the older tables. A rule's handle is its number in its chain, from 1. */
export const legacyDriver: ForwardAcceptDriver = {
  nameFor: (family) => `${family === 4 ? 'iptables' : 'ip6tables'} (legacy)`,
  read(_, family, link) {
    const found = findChains(family);
    return found && viewOf(found, link);
  },
  change: (node, family, link, decide) => changeUntilDone(node, family, link, decide),
  has(_, family, link) {
    const name = acceptChain(link);
    return legacyTableHolds(family, 'filter', [name]) && findChains(family)?.chains.has(name) === true;
  },
  acceptedLinks: (_, family) => [...(findChains(family)?.chains.keys() ?? [])].filter(isAcceptChain).map(acceptedLink),
  able(node, family, link) {
    try {
      verifyPlainName(link);
      findPrograms(node, family, 'legacy');
      return undefined;
    } catch (error) {
      if (error instanceof Fault) return error;
      throw error;
    }
  },
};

function findChains(family: Family): LegacyChains | undefined {
  const table = findLegacyTable(family, 'filter');
  return table && readLegacyChains(table);
}

function viewOf({ chains, dropping }: LegacyChains, link: string): ForwardView<number> {
  const rulesOf = (chain: string) => (chains.get(chain) ?? []).map(chainRule);
  const name = acceptChain(link);
  return {
    path: forwardPath({ policyDrops: dropping.includes(FORWARD), rulesOf }),
    ways: waysTo(chains, name).length,
    accepts: () => (chains.get(name) ?? []).map((rule) => acceptOf(rule, link)),
  };
}

/**
 * Looks and changes until there is nothing to change, since another program may change the table between a look and a change.
 */
function changeUntilDone(programs: Programs, family: Family, link: string, decide: Decide): void {
  let refusal: Refusal | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const found = findChains(family);
    const change = found && decide(() => viewOf(found, link));
    if (found === undefined || change === undefined) return;
    verifyPlainName(link);
    refusal = restore(programs, family, 'legacy', { table: 'filter', commands: commandsFor(found, link, change) });
  }
  throw refusal?.fault ?? new Fault('busy', `cannot change what iptables accepts of ${link}: others change it as well`);
}

function commandsFor({ chains }: LegacyChains, link: string, { place, accepts }: Change<number>): string[] {
  const name = acceptChain(link);
  const ways = waysTo(chains, name);
  // By their content, since another process may change the numbers meanwhile.
  const removals = ways.map(({ chain }) => `-D ${chain} -j ${name}`);
  if (place === undefined) return [...removals, `-F ${name}`, `-X ${name}`];
  // -N is refused where another process was first; the other line empties the chain.
  const chain = chains.has(name) ? `:${name} - [0:0]` : `-N ${name}`;
  return [...removals, chain, ...accepts.map((accept) => acceptRule(name, link, accept)), jump(name, place, ways)];
}

function waysTo(chains: LegacyChains['chains'], name: string): LegacyRule[] {
  return [...chains.values()].flat().filter(({ target, entry }) => target === name && !entry.isGoto);
}

/** The command that adds the rule that leads to the chain. `place` numbers the rules as before `removed` are removed. */
function jump(name: string, { chain, before }: Place<number>, removed: readonly LegacyRule[]): string {
  if (before === undefined) return `-A ${chain} -j ${name}`;
  const earlier = removed.filter((rule) => rule.chain === chain && rule.number < before).length;
  return `-I ${chain} ${before - earlier} -j ${name}`;
}

function acceptRule(name: string, link: string, { direction, states, destination }: Accept): string {
  const to = destination === undefined ? '' : ` -d ${formatCidr(destination)}`;
  const match = states.length === 0 ? '' : ` -m conntrack --ctstate ${states.join(',')}`;
  return `-A ${name}${to} -${direction === 'in' ? 'i' : 'o'} ${quoted(link)}${match} -j ACCEPT`;
}

/** The accept that `acceptRule` would write as this rule; undefined where there is none. */
function acceptOf({ entry }: LegacyRule, link: string): Accept | undefined {
  const { input, output, source, destination, more } = entry.header;
  const direction = input === link ? 'in' : 'out';
  const [match, ...others] = entry.matches.filter(({ name }) => name !== 'comment');
  const states =
    match === undefined ? [] : STATE_LISTS.find((list) => match.name === 'conntrack' && isStateMatch(match.info, list));
  const isPlain = source === undefined && !more && others.length === 0 && entry.verdict === ACCEPT;
  const isOfLink = (input ?? output) === link && (input === undefined || output === undefined);
  return isPlain && isOfLink && states !== undefined ? { direction, states, destination } : undefined;
}

/** @throws Fault `unsupported` for a name that iptables takes for something else than an interface */
function verifyPlainName(link: string): void {
  if (PLAIN_NAME.test(link)) return;
  throw new Fault('unsupported', `cannot accept what ${link} forwards: iptables takes that name for a pattern`, {
    details: 'Give the bridge a name of letters, digits, "_", ".", ":", "@" and "-", or set "forward": "off".',
  });
}

function chainRule({ number, entry, target }: LegacyRule): ChainRule<number> {
  const { input, output, source, destination, more } = entry.header;
  const isOfAddress = source !== undefined || destination !== undefined;
  const isMatched = entry.matches.some(({ name }) => name !== 'comment');
  return {
    handle: number,
    isConditional: more || isOfAddress || isMatched || (input ?? output) !== undefined,
    input,
    isPhysdev: entry.matches.some(({ name }) => name === 'physdev'),
    action: actionOf(entry, target),
  };
}

function actionOf({ verdict, target, isGoto }: LegacyRule['entry'], chain: string | undefined): Action {
  if (target !== undefined) return actionOfTarget(target);
  if (verdict === DROP) return 'drop';
  if (verdict === ACCEPT) return 'accept';
  if (verdict === RETURN) return 'return';
  return chain === undefined ? 'unknown' : { chain, goto: isGoto };
}
