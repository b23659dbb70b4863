/** The plan of an attachment: the resources that it needs, in the order in which they are made; and the walks over it. */

import type * as z from 'zod/mini';
import { type Cidr, formatCidr } from '../address/cidr.ts';
import { formatIp, type Ip } from '../address/ip.ts';
import { formatMac } from '../address/mac.ts';
import { collecting } from '../attempt.ts';
import { type Fault, reasonOf } from '../fault.ts';
import type { Attachment, Json } from '../ipam/index.ts';
import type { Step } from '../log.ts';
import { parseWith } from '../schema/explain.ts';
import { isObject } from '../schema/json.ts';
import type { Node } from './node.ts';
import type { Kind, Owned, Scope } from './resource.ts';

/** One resource that an attachment needs. */
export interface Resource {
  readonly kind: Kind<unknown>;
  readonly wanted: unknown;
}

export type Plan = readonly Resource[];

/** A resource of one kind. */
export function resource<Wanted>(kind: Kind<Wanted>, wanted: Wanted): Resource {
  return { kind: kind as Kind<unknown>, wanted };
}

/** What a plan wants of one kind. */
export function wantedOf<Wanted>(
  plan: Plan,
  kind: { readonly name: string; readonly schema: z.ZodMiniType<Wanted> },
): Wanted[] {
  return plan.filter((one) => one.kind.name === kind.name).map(({ wanted }) => wanted as Wanted);
}

/**
 * Makes the resources in order, and adds each to `made`. Stops at the first error: the caller removes what was made.
 * @throws Fault, KernelError, SystemError
 */
export function ensurePlan(node: Node, plan: Plan, made: Resource[], step: Step): void {
  for (const one of plan) {
    step(`ensure ${one.kind.name}`, () => one.kind.ensure(node, one.wanted));
    made.push(one);
  }
}

/** Puts back what neighbours have lost, see `Kind.mend`. @throws Fault, KernelError */
export function mendPlan(node: Node, plan: Plan, step: Step): void {
  for (const { kind, wanted } of plan) {
    if (kind.mend !== undefined) step(`mend ${kind.name}`, () => kind.mend?.(node, wanted));
  }
}

/** @throws Fault `check` for the first resource that is not as wanted */
export function verifyPlan(node: Node, plan: Plan, step: Step): void {
  for (const { kind, wanted } of plan) {
    const finding = step(`verify ${kind.name}`, () => kind.verify(node, wanted));
    if (finding !== undefined) throw finding;
  }
}

/** Removes the resources in reverse order, and goes on past errors. @returns the errors in the order in which they came */
export function removePlan(node: Node, plan: Plan, step: Step): unknown[] {
  const removable = plan.filter(({ kind }) => kind.remove !== undefined);
  const removals = removable.map(({ kind, wanted }) => () => {
    step(`remove ${kind.name}`, () => kind.remove?.(node, wanted));
  });
  return collecting(...removals.reverse());
}

/**
 * Asks each resource whether it could be made. @returns the limits that they name. @throws Fault of the first resource that
 * could not
 */
export function ablePlan(node: Node, plan: Plan, step: Step): Fault[] {
  const limits: Fault[] = [];
  for (const { kind, wanted } of plan) {
    const answer = step(`ask for ${kind.name}`, () => kind.able(node, wanted));
    if (answer === undefined) continue;
    if (answer.kind !== 'limited') throw answer;
    limits.push(answer);
  }
  return limits;
}

/** All that attachments of the scope have of these kinds, recorded or not. @throws KernelError, Fault */
export function surveyKinds(node: Node, kinds: readonly Kind<unknown>[], scope: Scope): Owned[] {
  return kinds.flatMap((kind) => kind.survey(node, scope));
}

/** Removes what satisfies `isDoomed`, and goes on past errors. @returns the errors in order */
export function removeOwned(owned: readonly Owned[], isDoomed: (one: Owned) => boolean): unknown[] {
  const failures: unknown[] = [];
  for (const one of owned.filter(isDoomed)) {
    try {
      one.remove();
    } catch (error) {
      failures.push(error);
    }
  }
  return failures;
}

/** Whether one of the attachments owns the resource. */
export function isOwnedByAny(owned: Owned, attachments: readonly Omit<Attachment, 'network'>[]): boolean {
  return attachments.some((attachment) => owned.isOf(attachment));
}

/** The plan as JSON, for the record: each resource is its wanted values, and its kind by name. */
export function encodePlan(plan: Plan): Json[] {
  return plan.map(({ kind, wanted }) => encodeInto({ kind: kind.name }, wanted as object));
}

/**
 * Reads the resources from the plan of a record. A resource of an unknown kind, or with other values, is left out, with a
 * warning in the log. `isWanted` says which kinds are read at all.
 */
export function decodePlan(
  json: readonly Json[],
  kinds: readonly Kind<unknown>[],
  log: Node['log'],
  isWanted: (kind: Kind<unknown>) => boolean = () => true,
): Plan {
  return json.flatMap((one) => {
    const name = isObject(one) ? one.kind : undefined;
    const kind = kinds.find((known) => known.name === name);
    if (kind !== undefined && !isWanted(kind)) return [];
    try {
      if (kind === undefined) throw new Error(`${JSON.stringify(name ?? null)} is no kind of resource`);
      return [{ kind, wanted: parseWith(kind.schema, one, `the ${kind.name} of a record`, 'decode') }];
    } catch (error) {
      log('warn', `cannot read a resource of a record: ${reasonOf(error)}`);
      return [];
    }
  });
}

/** A value as JSON: addresses, MACs and prefixes become the text that people write. */
function encode(value: unknown): Json {
  if (typeof value !== 'object' || value === null) return value as Json;
  if (Array.isArray(value)) return value.map(encode);
  if ('prefix' in value) return formatCidr(value as Cidr);
  if ('family' in value) return formatIp(value as Ip);
  return value instanceof Uint8Array ? formatMac(value) : encodeInto({}, value);
}

function encodeInto(json: Record<string, Json>, value: object): Record<string, Json> {
  for (const key in value) {
    const entry = value[key as keyof typeof value] as unknown;
    if (entry !== undefined) json[key] = encode(entry);
  }
  return json;
}
