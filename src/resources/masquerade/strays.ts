/**
 * Finds masquerading by the owner that it names: ours, in sets of nftables and in rules of iptables, and the reference
 * plugins', whose place this one takes. The search goes over netlink; a program runs only where that finds something.
 */

import type { Family } from '../../address/ip.ts';
import { unlessRefused } from '../../netlink/error.ts';
import { commit, query, type Table } from '../../netlink/nft/batch.ts';
import { NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 } from '../../netlink/nft/constants.ts';
import { decodeRuleComment, decodeRuleHandle, deleteRule, listRules } from '../../netlink/nft/rule.ts';
import { ENOENT } from '../../sys/errno.ts';
import { commentOf, type Flavour, mustRestore, type Programs, savedRules } from '../iptables/iptables.ts';
import { holdsAny, legacyTableHolds } from '../iptables/legacy.ts';
import { type AttachmentKey, currentOwner, isInScope, isSameOwner, ownerText } from '../names.ts';
import { NO_NFTABLES, nftIfThere } from '../nftables/nftables.ts';
import type { Node } from '../node.ts';
import type { Owned, Scope } from '../resource.ts';
import { networkComment } from './iptables.ts';
import { ownedElements } from './nftables.ts';

/** The table that the reference bridge has from 1.7 on, with a rule for each address. */
const REFERENCE: Table = { family: NFPROTO_INET, name: 'cni_plugins_masquerade' };
const REFERENCE_CHAIN = 'masq_checks';

/** Chains that belong to one attachment (the reference's), or to a network (ours). */
const ATTACHMENT_CHAIN = /^CNI-[0-9a-f]+$/;
const NETWORK_CHAIN = /^TRESTLE-[0-9a-f]+$/;

/** The most characters of a comment in the library that the reference uses (knftables, CommentLengthMax). */
const COMMENT_MOST = 128;
/** So many characters of a cut ID identify it, since IDs are random. */
const TELLING = 32;

interface SavedRule {
  readonly text: string;
  readonly chain: string;
  readonly target: string;
  readonly comment: string;
}

interface ReferenceOwner {
  readonly network: string;
  readonly containerId: string;
  /** Undefined for a rule of iptables, which is for all interfaces of the container on the network. */
  readonly ifName: string | undefined;
  /** The comment was too long: `containerId` is the beginning of the ID. */
  readonly isCut: boolean;
}

/** All masquerading of the scope, of any backend. @throws KernelError, Fault */
export function findStrays(node: Node, scope: Scope): Owned[] {
  return [...inSets(node, scope), ...inReferenceTable(node, scope), ...inIptables(node, scope)];
}

/**
 * Tells whether an attachment of the scope has the rule or element with this comment; undefined for a comment of another
 * network.
 */
export function commentOwner(scope: Scope, comment: string): Owned['isOf'] | undefined {
  const { network, dataDir } = scope;
  const reference = referenceOwner(comment);
  if (reference?.network !== network && !isInScope(scope, comment)) return undefined;
  return (attachment) => {
    const key = { ...attachment, network, dataDir };
    return reference === undefined ? isSameOwner(comment, ownerText(key)) : isReferenceOwner(reference, key);
  };
}

/**
 * Reads `name: "NETWORK" id: "CONTAINER"`, or `HASH-HASH, net: NETWORK, if: INTERFACE, id: CONTAINER`, which may be cut off.
 * @returns undefined for any other comment, or one with too short an ID
 */
export function referenceOwner(comment: string): ReferenceOwner | undefined {
  const old = /^name: "([^"]+)" id: "([^"]+)"$/.exec(comment);
  if (old !== null) return { network: old[1] ?? '', containerId: old[2] ?? '', ifName: undefined, isCut: false };
  const found = /^[0-9a-f]{16}-[0-9a-f]{16}, net: ([^ ]+), if: (.+?), id: ([^ ]+)$/.exec(comment);
  if (found === null) return undefined;
  const [, network = '', ifName, containerId = ''] = found;
  const isCut = comment.length >= COMMENT_MOST;
  return isCut && containerId.length < TELLING ? undefined : { network, containerId, ifName, isCut };
}

/** Whether the owner that a comment of the reference names is this attachment. */
export function isReferenceOwner(owner: ReferenceOwner, { network, containerId, ifName }: AttachmentKey): boolean {
  const sameId = owner.isCut ? containerId.startsWith(owner.containerId) : containerId === owner.containerId;
  return owner.network === network && sameId && (owner.ifName ?? ifName) === ifName;
}

function inSets(node: Node, scope: Scope): Owned[] {
  const nft = nftIfThere(node);
  if (nft === undefined) return [];
  const elements = unlessRefused(NO_NFTABLES, () => ownedElements(nft, scope)) ?? [];
  return elements.flatMap(({ owner, remove }) => owned(scope, owner, `the masquerading of ${owner}`, remove));
}

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

/** The one finding; none where the comment is of another network. */
function owned(scope: Scope, comment: string, what: string, remove: () => void): Owned[] {
  const isOf = commentOwner(scope, comment);
  if (isOf === undefined) return [];
  const isOurs = referenceOwner(comment) === undefined;
  return [{ what, ...(isOurs && { owner: currentOwner(comment) }), isOf, remove }];
}

/** A text that at least one rule of the reference plugin's holds where it has made any for the scope. */
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

/** The comments of the rules of nat in a flavour, each once. @throws Fault */
function strayComments(programs: Programs, family: Family, flavour: Flavour): string[] {
  const comments = savedRules(programs, family, flavour, 'nat').map((rule) => commentOf(rule) ?? '');
  return [...new Set(comments)];
}

/**
 * Removes the rules of nat whose comment satisfies `isStray`, in one transaction. The reference's rules lead to a chain that
 * is removed with them; ours stand in a chain that is removed with its last rule. @throws Fault
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

function parseRule(text: string): SavedRule {
  const chain = /^-A (\S+)/.exec(text)?.[1] ?? '';
  const target = /\s-j (\S+)/.exec(text)?.[1] ?? '';
  return { text, chain, target, comment: commentOf(text) ?? '' };
}

/** Whether an earlier rule is the same: an ADD that was killed and done again may have added it twice. */
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

/** Chains of networks in which no rule is left. */
function emptiedChains(rules: readonly SavedRule[], stray: ReadonlySet<SavedRule>): Set<string> {
  const staying = new Set(rules.filter((rule) => !stray.has(rule)).map(({ chain }) => chain));
  const touched = [...stray].map(({ chain }) => chain).filter((name) => NETWORK_CHAIN.test(name));
  return new Set(touched.filter((name) => !staying.has(name)));
}

function isAttachmentChain(chain: string): boolean {
  return ATTACHMENT_CHAIN.test(chain);
}
