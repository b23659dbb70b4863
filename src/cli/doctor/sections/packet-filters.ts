/** What packet filters do to the containers that run: drops of what they send, and rules of ours that are lost. */

import type { Family } from '../../../address/ip.ts';
import type { Fault } from '../../../fault.ts';
import { isBeingRemoved } from '../../../ipam/index.ts';
import { silentLog } from '../../../log.ts';
import { isBeingMade, KINDS } from '../../../resources/attachment.ts';
import { locateForeignDrop } from '../../../resources/forward-accept/foreign-drop.ts';
import {
  type ForwardAcceptWanted,
  findAccept,
  forwardAcceptKind,
  linkOf,
} from '../../../resources/forward-accept/forward-accept.ts';
import { grouped } from '../../../resources/grouped.ts';
import { findLostGuards, guardKind } from '../../../resources/guard/guard.ts';
import { findUplink } from '../../../resources/links.ts';
import { masqueradeKind } from '../../../resources/masquerade/masquerade.ts';
import { ownerText } from '../../../resources/names.ts';
import { nftIfThere } from '../../../resources/nftables/nftables.ts';
import type { Neighbour, Node } from '../../../resources/node.ts';
import { decodePlan, wantedOf } from '../../../resources/plan.ts';
import type { Kind } from '../../../resources/resource.ts';
import { acceptingCommand } from '../accepting-command.ts';
import { reconcileLine, sysctlLine } from '../command-lines.ts';
import type { Examination, Finding, Section } from '../examination.ts';
import { livingAttachments, type Recorded, sharedWants } from '../plans.ts';

/** Kinds whose rules another program may remove, and the code of that finding. */
const LOSABLE: readonly Losable[] = [
  {
    kind: masqueradeKind as Kind<unknown>,
    code: 'masquerade-lost',
    what: 'containers are not masqueraded',
    find: (node, wanted) => (masqueradeKind as Kind<unknown>).able(node, wanted),
  },
  {
    kind: guardKind as Kind<unknown>,
    code: 'guard-lost',
    what: 'containers are not held to their MACs',
    // Without nf_tables the section of the kernel says so. `able` asks for more, in a transaction that takes its time.
    find: (node) => (nftIfThere(node) === undefined ? undefined : findLostGuards(node)),
  },
];

interface Losable {
  readonly kind: Kind<unknown>;
  readonly code: string;
  readonly what: string;
  /** A limit that names one of the neighbours that have lost something, and how many more there are. */
  find(node: Node, wanted: unknown): Fault | undefined;
}

export const packetFilters: Section = {
  name: 'packet-filters',
  examine(examination) {
    const living = livingAttachments(examination.inventory);
    const wants = sharedWants(living, forwardAcceptKind);
    const findings = distinct([
      ...wants.flatMap((wanted) => dropsOf(examination, living, wanted)),
      ...[...grouped(living, keyOf).values()].flatMap((group) => lossesOf(examination, group)),
    ]);
    const links = [...new Set(wants.map(linkOf))];
    const summary =
      links.length === 0 ? 'no attachment here passes them' : `nothing drops what ${links.join(', ')} forwards`;
    return { summary, findings };
  },
};

function dropsOf(
  { node, inventory }: Examination,
  living: readonly Recorded[],
  wanted: ForwardAcceptWanted,
): Finding[] {
  const link = linkOf(wanted);
  if (!inventory.links.some(({ name }) => name === link)) return [];
  if (wanted.mode === 'look') return bridgedDrops(node, wanted);
  const findings: Finding[] = [];
  const flaw = findAccept(node, wanted, 'check');
  if (flaw !== undefined) {
    const dataDirs = living.map(({ dataDir }) => dataDir);
    findings.push(faulty('forward-accept-lost', link, flaw, reconcileLine(dataDirs), true));
  }
  const uplinkOf = (family: Family) => findUplink(node.route, family)?.name;
  const drop = locateForeignDrop(node, link, new Set(wanted.families), uplinkOf);
  if (drop !== undefined) {
    const to = drop.output === undefined ? '' : ` to ${drop.output}`;
    findings.push({
      level: 'error',
      code: 'forward-dropped',
      subject: link,
      what: `another program's nftables table drops what ${link} forwards${to}, and no other table can overrule that`,
      evidence: `the chain ${drop.chain.name} of the table ${drop.table}; "nft list chain ${drop.table} ${drop.chain.name}" shows its rules`,
      fix: acceptingCommand(drop, link),
      isSafe: false,
    });
  }
  return findings;
}

/** Frames from port to port of a bridge that is no gateway, which pass FORWARD where br_netfilter has them do so. */
function bridgedDrops(node: Node, wanted: ForwardAcceptWanted): Finding[] {
  const finding = forwardAcceptKind.able(node, wanted);
  const paths = { 4: 'net/bridge/bridge-nf-call-iptables', 6: 'net/bridge/bridge-nf-call-ip6tables' } as const;
  const fix = sysctlLine(Object.fromEntries(wanted.families.map((family) => [paths[family], 0])));
  return finding === undefined ? [] : [faulty('bridged-frames-dropped', wanted.bridge, finding, fix, false)];
}

/** What attachments of one network have lost: one of them, and how many more there are. */
function lossesOf(examination: Examination, group: readonly Recorded[]): Finding[] {
  const [first] = group as [Recorded];
  const links = new Set(examination.inventory.links.map(({ name }) => name));
  const present = group.filter(({ hostVeth = '' }) => links.has(hostVeth));
  const neighbours = present.map(neighbourOf);
  const node: Node = {
    ...examination.node,
    neighbours: () => neighbours,
    owners: () => neighbours.map(({ owner }) => owner),
  };
  return LOSABLE.flatMap(({ kind, code, what, find }) => {
    const wanted = firstWanted(present, kind);
    const limit = wanted === undefined ? undefined : find(node, wanted);
    if (limit?.kind !== 'limited') return [];
    const fix = reconcileLine([first.dataDir]);
    return [{ ...faulty(code, `network ${first.network}`, limit, fix, true), what }];
  });
}

function neighbourOf(listed: Recorded): Neighbour {
  const { record, dataDir } = listed;
  return {
    owner: ownerText({ ...record, dataDir }),
    wanted: (kind) => wantedOf(planOfKind(listed, kind.name), kind),
    isStaying: () => !isBeingRemoved(dataDir, record),
    isBeingMade: () => isBeingMade(record),
  };
}

/** What the first attachment that wants something of the kind wants. */
function firstWanted(group: readonly Recorded[], kind: Kind<unknown>): unknown {
  for (const one of group) {
    const [resource] = planOfKind(one, kind.name);
    if (resource !== undefined) return resource.wanted;
  }
  return undefined;
}

function planOfKind({ record }: Recorded, name: string) {
  return decodePlan(record.plan ?? [], KINDS, silentLog, (kind) => kind.name === name);
}

function faulty(code: string, subject: string, fault: Fault, fix: string, isSafe: boolean): Finding {
  const what = `what ${subject} forwards is not let through as its network wants`;
  return { level: 'error', code, subject, what, evidence: fault.message, fix, isSafe };
}

/** Networks that share a bridge find the same. */
function distinct(findings: readonly Finding[]): Finding[] {
  const keyFor = ({ code, subject, evidence }: Finding) => JSON.stringify([code, subject, evidence]);
  return [...new Map(findings.map((finding) => [keyFor(finding), finding])).values()];
}

function keyOf({ network, dataDir }: Recorded): string {
  return JSON.stringify([network, dataDir]);
}
