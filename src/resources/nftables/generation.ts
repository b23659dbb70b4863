/**
 * Tells whether another program has changed the nftables ruleset. The kernel counts all transactions of a network namespace.
 * Where its number, the generation, is the one that our last call left behind, nothing of ours was removed since. Where it is
 * not, what the sets hold is compared with what is recorded (`missingOwners`). The number is read together with other
 * questions.
 */

import type { Connection } from '../../netlink/connection.ts';
import type { Message } from '../../netlink/message.ts';
import { decodeGeneration } from '../../netlink/nft/batch.ts';

/** The generation in an answer; noted at the connection if it is the first. */
export function noteGeneration(connection: Connection, replies: readonly Message[] | undefined): number {
  const generation = decodeGeneration(replies?.[0]);
  connection.generation ??= generation - connection.transactions;
  return generation;
}

/**
 * Whether the ruleset is still the one in which our rules were last compared; false where the call has not read the
 * generation.
 */
export function isAsCompared({ generation, transactions }: Connection, comparedAt: number | undefined): boolean {
  return generation !== undefined && generation + transactions === comparedAt;
}

/** Whether another program had changed the ruleset, between our last call and the beginning of this one. */
export function isChangedByOthers({ generation }: Connection, remembered: number | undefined): boolean {
  return generation !== undefined && generation !== remembered;
}

/**
 * What to remember at the end of a call: the generation that the ruleset has if no other program has changed it during the
 * call. If one has, the next call finds another generation. @returns undefined where the call has not read the generation
 */
export function generationToRemember({ generation, transactions }: Connection): number | undefined {
  return generation === undefined ? undefined : generation + transactions;
}
