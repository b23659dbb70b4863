/**
 * Whether anybody but us has changed the ruleset. The kernel counts its transactions, everybody's. So where its number is the one
 * that our last call left behind, nothing of ours was removed since; where it is not, what the sets hold is compared with what is
 * recorded (`missingOwners`). The number is read with what is asked anyhow. It belongs to the network namespace.
 */

import type { Connection } from '../../netlink/connection.ts';
import type { Message } from '../../netlink/message.ts';
import { decodeGeneration } from '../../netlink/nft/batch.ts';

/** Takes the generation from an answer, and notes it at the connection if it is the first. */
export function noteGeneration(connection: Connection, replies: readonly Message[] | undefined): number {
  const generation = decodeGeneration(replies?.[0]);
  connection.generation ??= generation - connection.transactions;
  return generation;
}

/** Whether the ruleset is still the one in which our rules were compared last; not where the call has not read the generation. */
export function isAsCompared({ generation, transactions }: Connection, comparedAt: number | undefined): boolean {
  return generation !== undefined && generation + transactions === comparedAt;
}

/** Whether the ruleset was another one, when this call came, than the one that our last call left behind. */
export function isChangedByOthers({ generation }: Connection, remembered: number | undefined): boolean {
  return generation !== undefined && generation !== remembered;
}

/**
 * What to remember at the end of a call: the generation that there is if nobody else has changed the ruleset during the call; if
 * somebody has, the next call finds another one. @returns undefined where the call has not read it
 */
export function generationToRemember({ generation, transactions }: Connection): number | undefined {
  return generation === undefined ? undefined : generation + transactions;
}
