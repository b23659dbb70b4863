/**
 * Masquerading by what it says of its owner: ours, in sets of nftables and in rules of iptables, and the reference plugins', whose
 * place this one took. It is looked for over netlink; a program is started only where there is something.
 */

import type { Family } from '../../address/ip.ts';
import { unlessRefused } from '../../netlink/error.ts';
import { commit, query, type Table } from '../../netlink/nft/batch.ts';
import { NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 } from '../../netlink/nft/constants.ts';
import { decodeRuleComment, decodeRuleHandle, deleteRule, listRules } from '../../netlink/nft/rule.ts';
import { ENOENT } from '../../sys/errno.ts';
import { commentOf, type Flavour, mustRestore, type Programs, savedRules } from '../iptables/iptables.ts';
import { holdsAny, legacyTableHolds } from '../iptables/legacy.ts';
import { type AttachmentKey, isInScope, isSameOwner, ownerText } from '../names.ts';
import { NO_NFTABLES, nftIfThere } from '../nftables/nftables.ts';
import type { Node } from '../node.ts';
import type { Owned, Scope } from '../resource.ts';
import { networkComment } from './iptables.ts';
import { ownedElements } from './nftables.ts';

/** All masquerading of the scope, wherever it is. @throws KernelError, Fault */
export function findStrays(node: Node, scope: Scope): Owned[] {
  return [...inSets(node, scope), ...inReferenceTable(node, scope), ...inIptables(node, scope)];
}

function inSets(node: Node, scope: Scope): Owned[] {
  const nft = nftIfThere(node);
  if (nft === undefined) return [];
  const elements = unlessRefused(NO_NFTABLES, () => ownedElements(nft, scope)) ?? [];
  return elements.flatMap(({ owner, remove }) => owned(scope, owner, `the masquerading of ${owner}`, remove));
}

/** The table that the reference bridge has since 1.7, with a rule for each address. */
const REFERENCE: Table = { family: NFPROTO_INET, name: 'cni_plugins_masquerade' };
const REFERENCE_CHAIN = 'masq_checks';

function inReferenceTable(node: Node, scope: Scope): Owned[] {
  return rulesIn(node, REFERENCE, REFERENCE_CHAIN).flatMap((rule): Owned[] => {
    const comment = decodeRuleComment(rule);
    if (comment === undefined) return [];
    const removal = deleteRule(REFERENCE, REFERENCE_CHAIN, decodeRuleHandle(rule));
    const remove = () => void unlessRefused([ENOENT], () => commit(node.nft(), [removal]));
    return owned(scope, comment, `the reference plugin's rule "${comment}"`, remove);
  });
}

function inIptables(node: Node, scope: Scope): Owned[] {
  const hints = [hintOf(scope), `${networkComment(scope.network)}\0`];
  return ([4, 6] as const).flatMap((family) => [
    ...(isHintedInNft(node, family, hints) ? rulesOf(node, family, 'nft', scope) : []),
    ...(legacyTableHolds(family, 'nat', hints) ? rulesOf(node, family, 'legacy', scope) : []),
  ]);
}

function rulesOf(node: Node, family: Family, flavour: Flavour, scope: Scope): Owned[] {
  return strayComments(node, family, flavour).flatMap((comment) => {
    const remove = () => removeStrayRules(node, family, flavour, (other) => other === comment);
    return owned(scope, comment, `the rule of iptables "${comment}"`, remove);
  });
}

/** None where the comment is of another network. */
function owned(scope: Scope, comment: string, what: string, remove: () => void): Owned[] {
  const isOf = commentOwner(scope, comment);
  return isOf === undefined ? [] : [{ what, isOf, remove }];
}

/** What at least one rule of the reference's holds where it made any for the scope. */
function hintOf({ network, containerId }: Scope): string {
  return `name: "${network}" id: "${containerId === undefined ? '' : `${containerId}"`}`;
}

function isHintedInNft(node: Node, family: Family, hints: readonly string[]): boolean {
  const table: Table = { family: family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6, name: 'nat' };
  return rulesIn(node, table, 'POSTROUTING').some(({ payload }) => holdsAny(payload, hints));
}

function rulesIn(node: Node, table: Table, chain: string) {
  const nft = nftIfThere(node);
  return (nft && unlessRefused([ENOENT, ...NO_NFTABLES], () => query(nft, listRules(table, chain)))) ?? [];
}

/** Chains that belong to one attachment (the reference's), or to a network (ours). */
const ATTACHMENT_CHAIN = /^CNI-[0-9a-f]+$/;
const NETWORK_CHAIN = /^TRESTLE-[0-9a-f]+$/;

/** The comments of a flavour's rules in nat, each once. @throws Fault */
function strayComments(programs: Programs, family: Family, flavour: Flavour): string[] {
  const comments = savedRules(programs, family, flavour, 'nat').map((rule) => commentOf(rule) ?? '');
  return [...new Set(comments)];
}

/**
 * Removes the rules of nat whose comment is one of these. The reference's lead to a chain that goes with them; ours are in a
 * chain that goes with its last rule. One transaction. @throws Fault
 */
function removeStrayRules(
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

/** Tells an attachment of the scope by the comment of its rule or element; undefined for a comment of another network. */
export function commentOwner(scope: Scope, comment: string): Owned['isOf'] | undefined {
  const { network, dataDir } = scope;
  const reference = referenceOwner(comment);
  if (reference?.network !== network && !isInScope(scope, comment)) return undefined;
  return (attachment) => {
    const key = { ...attachment, network, dataDir };
    return reference === undefined ? isSameOwner(comment, ownerText(key)) : isReferenceOwner(reference, key);
  };
}

interface ReferenceOwner {
  readonly network: string;
  readonly containerId: string;
  /** The rules that go through iptables do not say it: they are of all interfaces of the container on the network. */
  readonly ifName: string | undefined;
  /** The comment was too long, and what is left of the ID begins so. */
  readonly isCut: boolean;
}

/** What nftables takes as a comment by the library that the reference uses (knftables, CommentLengthMax). */
const COMMENT_MOST = 128;
/** So much of a cut ID tells which it is: IDs are random. */
const TELLING = 32;

/** `name: "NETWORK" id: "CONTAINER"`, or `HASH-HASH, net: NETWORK, if: INTERFACE, id: CONTAINER`, which may be cut off. */
export function referenceOwner(comment: string): ReferenceOwner | undefined {
  const old = /^name: "([^"]+)" id: "([^"]+)"$/.exec(comment);
  if (old !== null) return { network: old[1] ?? '', containerId: old[2] ?? '', ifName: undefined, isCut: false };
  const found = /^[0-9a-f]{16}-[0-9a-f]{16}, net: ([^ ]+), if: (.+?), id: ([^ ]+)$/.exec(comment);
  if (found === null) return undefined;
  const [, network = '', ifName, containerId = ''] = found;
  const isCut = comment.length >= COMMENT_MOST;
  return isCut && containerId.length < TELLING ? undefined : { network, containerId, ifName, isCut };
}

export function isReferenceOwner(owner: ReferenceOwner, { network, containerId, ifName }: AttachmentKey): boolean {
  const sameId = owner.isCut ? containerId.startsWith(owner.containerId) : containerId === owner.containerId;
  return owner.network === network && sameId && (owner.ifName ?? ifName) === ifName;
}
