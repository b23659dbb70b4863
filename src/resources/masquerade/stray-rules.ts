/** Rules of iptables by their comments, and the chains that they lead to. */

import type { Family } from '../../address/ip.ts';
import { commentOf, type Flavour, mustRestore, type Programs, savedRules } from '../iptables/iptables.ts';

/** Chains that belong to one attachment (the reference's), or to a network (ours). */
const ATTACHMENT_CHAIN = /^CNI-[0-9a-f]+$/;
const NETWORK_CHAIN = /^TRESTLE-[0-9a-f]+$/;

/** The comments of a flavour's rules in nat, each once. @throws Fault */
export function strayComments(programs: Programs, family: Family, flavour: Flavour): string[] {
  const comments = savedRules(programs, family, flavour, 'nat').map((rule) => commentOf(rule) ?? '');
  return [...new Set(comments)];
}

/**
 * Removes the rules of nat whose comment is one of these. The reference's lead to a chain that goes with them; ours are in a
 * chain that goes with its last rule. One transaction. @throws Fault
 */
export function removeStrayRules(
  programs: Programs,
  family: Family,
  flavour: Flavour,
  isStray: (comment: string) => boolean,
): void {
  const rules = savedRules(programs, family, flavour, 'nat').map(parseRule);
  const stray = new Set(rules.filter((rule, at) => isStray(rule.comment) || isTwice(rules, rule, at)));
  if (stray.size === 0) return;
  const commands = removalsOf(rules, stray);
  mustRestore(programs, family, flavour, { table: 'nat', commands });
}

interface SavedRule {
  readonly text: string;
  readonly chain: string;
  readonly target: string;
  readonly comment: string;
}

function parseRule(text: string): SavedRule {
  const chain = /^-A (\S+)/.exec(text)?.[1] ?? '';
  const target = /\s-j (\S+)/.exec(text)?.[1] ?? '';
  return { text, chain, target, comment: commentOf(text) ?? '' };
}

/** An ADD that was killed and done again may have put a rule in twice. */
function isTwice(rules: readonly SavedRule[], { chain, text }: SavedRule, at: number): boolean {
  return NETWORK_CHAIN.test(chain) && rules.findIndex((other) => other.text === text) < at;
}

function removalsOf(rules: readonly SavedRule[], stray: ReadonlySet<SavedRule>): string[] {
  const theirs = new Set([...stray].flatMap(({ chain, target }) => [chain, target]).filter(isAttachmentChain));
  const emptied = emptiedChains(rules, stray);
  const single = [...stray].filter(({ chain }) => !theirs.has(chain));
  const jumps = rules.filter(({ target }) => emptied.has(target));
  return [
    ...[...single, ...jumps].map(({ text }) => text.replace(/^-A /, '-D ')),
    ...[...theirs].flatMap((name) => [`-F ${name}`, `-X ${name}`]),
    ...[...emptied].map((name) => `-X ${name}`),
  ];
}

/** A network's chains that hold nothing but what goes. */
function emptiedChains(rules: readonly SavedRule[], stray: ReadonlySet<SavedRule>): Set<string> {
  const staying = new Set(rules.filter((rule) => !stray.has(rule)).map(({ chain }) => chain));
  const touched = [...stray].map(({ chain }) => chain).filter((name) => NETWORK_CHAIN.test(name));
  return new Set(touched.filter((name) => !staying.has(name)));
}

function isAttachmentChain(chain: string): boolean {
  return ATTACHMENT_CHAIN.test(chain);
}
