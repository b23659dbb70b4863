/**
 * Mends elements of other attachments that another program removed. Every nftables transaction, of any program, gives the
 * ruleset a new generation. Where the generation is the one that our last call left behind, nothing is missing. Where it is
 * another one, the next ADD of each network compares what the network's sets hold with its records.
 */

import { tolerating } from '../../attempt.ts';
import {
  type Company,
  type GenerationHint,
  listNetworks,
  readGenerationHint,
  writeGenerationHint,
} from '../../ipam/index.ts';
import type { Step } from '../../log.ts';
import type { Connection } from '../../netlink/connection.ts';
import { generationToRemember, isChangedByOthers } from '../../resources/nftables/generation.ts';
import type { Node } from '../../resources/node.ts';
import { mendPlan, type Plan } from '../../resources/plan.ts';
import type { MainRequest } from './request.ts';

/**
 * For the end of an ADD: puts back what neighbours have lost if other programs have changed the ruleset. A failure is logged.
 * Of several calls at the same time, whose transactions look like those of other programs, the last one compares.
 */
export function mendAfterOthers(
  node: Node,
  plan: Plan,
  { network, dataDir }: MainRequest,
  company: Company,
  step: Step,
): void {
  const nft = node.openNft();
  if (nft === undefined) return;
  const hint = readGenerationHint(dataDir, node.netns);
  const isChanged = isChangedByOthers(nft, hint?.generation);
  const toCompare = isChanged ? listNetworks(dataDir) : (hint?.pending ?? []);
  const isDue = (isChanged || toCompare.includes(network)) && company.isAlone();
  // A loss of neighbours must not fail this ADD; the next one compares again.
  const isMended = isDue && (node.owners?.().length === 0 || tolerating(node.log, () => mendPlan(node, plan, step)));
  const pending = isMended ? toCompare.filter((one) => one !== network) : toCompare;
  remember(node, dataDir, nft, hint, pending);
}

/**
 * The generation in which an ADD last compared the rules of the network; undefined where another program has changed the
 * ruleset since.
 */
export function comparedAt(node: Node, { network, dataDir }: MainRequest): number | undefined {
  const hint = readGenerationHint(dataDir, node.netns);
  return hint?.pending.includes(network) ? undefined : hint?.generation;
}

/** For the end of a DEL, whose own transactions change the generation, too. */
export function rememberGeneration(node: Node, { dataDir }: MainRequest): void {
  const nft = node.openNft();
  if (nft === undefined) return;
  const hint = readGenerationHint(dataDir, node.netns);
  const isChanged = isChangedByOthers(nft, hint?.generation);
  remember(node, dataDir, nft, hint, isChanged ? listNetworks(dataDir) : (hint?.pending ?? []));
}

function remember(
  node: Node,
  dataDir: string,
  nft: Connection,
  hint: GenerationHint | undefined,
  pending: readonly string[],
): void {
  const generation = generationToRemember(nft);
  if (generation === undefined) return;
  if (generation === hint?.generation && pending.length === hint.pending.length) return;
  writeGenerationHint(dataDir, node.netns, { generation, pending });
}
