/** What the recorded plans of living attachments want of the node, each thing once however many attachments want it. */

import type * as z from 'zod/mini';
import { silentLog } from '../../log.ts';
import { KINDS } from '../../resources/attachment.ts';
import { decodePlan, wantedOf } from '../../resources/plan.ts';
import { isObject } from '../../schema/json.ts';
import type { Inventory, Listed } from '../inventory/inventory.ts';

/** An attachment that is not dead, and has a record. */
export type Recorded = Listed & { readonly record: NonNullable<Listed['record']> };

interface KindOf<Wanted> {
  readonly name: string;
  readonly schema: z.ZodMiniType<Wanted>;
}

/** The attachments that lose something where the node lacks what their plans want. */
export function livingAttachments({ attachments }: Inventory): Recorded[] {
  return attachments.filter((one): one is Recorded => one.record !== undefined && one.life.state !== 'dead');
}

/**
 * What the plans want of a kind that attachments share. Of those with the same values of `keys`, by default of all keys, only
 * one is decoded, since a node may have hundreds of plans and a few bridges.
 */
export function sharedWants<Wanted>(
  attachments: readonly Recorded[],
  kind: KindOf<Wanted>,
  keys?: readonly (keyof Wanted & string)[],
): Wanted[] {
  const distinct = new Map<string, unknown>();
  for (const { record } of attachments) {
    for (const one of record.plan ?? []) {
      if (isObject(one) && one.kind === kind.name)
        distinct.set(JSON.stringify(keys?.map((key) => one[key]) ?? one), one);
    }
  }
  const plans = [...distinct.values()] as NonNullable<Recorded['record']['plan']>;
  return wantedOf(decodePlan(plans, KINDS, silentLog), kind);
}
