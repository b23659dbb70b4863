/**
 * Reconciling: what the record of a living attachment says and the node lacks is put back. It verifies first, mends only what is
 * off, and verifies again.
 */

import { Fault, reasonOf } from '../fault.ts';
import { type AttachmentRecord, isBeingRemoved } from '../ipam/index.ts';
import type { Connection } from '../netlink/connection.ts';
import { isBeingMade, recordedPlan } from './attachment.ts';
import { withBridgeLock } from './bridge-lock.ts';
import { generationToRemember } from './nftables/generation.ts';
import { type Container, type Node, withContainer } from './node.ts';
import { type Plan, type Resource, removePlan } from './plan.ts';
import type { PortWanted } from './port/port.ts';
import type { Kind } from './resource.ts';

/** Something that was off. */
export interface Loss {
  /** The name of the kind of resource. */
  readonly kind: string;
  /** What was expected and what was found. */
  readonly finding: string;
}

/** What became of an attachment. */
export interface Reconciled {
  /** What was off and is as recorded now. */
  readonly restored: readonly Loss[];
  /** What is still off, with what to do: everything that is off, where nothing was to be changed. */
  readonly left: readonly (Loss & { readonly details: string | undefined })[];
  /** Why the attachment was left alone, wholly or in part: it is being made or removed, or its namespace cannot be entered. */
  readonly reason: string | undefined;
}

export interface ReconcileOptions {
  /** Looks only. */
  readonly isDryRun: boolean;
  /** Which kinds are looked at. Absent: all. */
  readonly isWanted?: ((kind: Pick<Kind<unknown>, 'name'>) => boolean) | undefined;
  /** Which losses are reported and not mended: a watch gives those that it could not mend some time. Absent: none. */
  readonly isPostponed?: ((loss: Loss) => boolean) | undefined;
  /** What attachments share and this walk over the node has found whole, which is not verified again. */
  readonly whole: Whole;
}

/** Shared resources that were found as wanted, by their values, and the generation of the ruleset in which rules were compared. */
export interface Whole {
  readonly shared: Set<string>;
  readonly compared: Map<string, number>;
}

/** Kinds of which all attachments of a bridge want the same. */
const SHARED = ['bridge', 'vlan-gateway', 'gateway', 'forward-accept', 'forwarding'];
/** Kinds that are in the container, too. */
const INSIDE = ['port', 'addressing'];
/** Kinds whose rules belong to the network: where one attachment's are whole, so are those of the others. */
const RULED = ['guard', 'masquerade'];
/** Kinds that are made while no other call works on the bridge. */
const LOCKED = ['bridge', 'vlan-gateway', 'gateway', 'forward-accept', 'guard', 'port'];

/** Nothing was found whole yet. */
export function nothingSeen(): Whole {
  return { shared: new Set(), compared: new Map() };
}

/**
 * Reconciles one attachment. `outside` knows the neighbours of the attachment. One that is being made or removed is left alone.
 * @throws Fault, KernelError, SystemError where the node cannot be looked at
 */
export function reconcileAttachment(
  outside: Node,
  record: AttachmentRecord,
  dataDir: string,
  options: ReconcileOptions,
): Reconciled {
  const busy = whyBusy(record, dataDir);
  if (busy !== undefined) return { restored: [], left: [], reason: busy };
  const plan = planOf(outside, record, dataDir, options);
  const reconcile = (walked: Plan, reason?: string, container?: Container): Reconciled => {
    const node = { ...outside, links: new Map(), ...(container && { container }) };
    return { ...walk(node, walked, record, dataDir, options), reason };
  };
  if (!plan.some(isInside)) return reconcile(plan);
  try {
    return enter(outside, record, (container) => reconcile(plan, undefined, container));
  } catch (error) {
    if (!(error instanceof Fault && error.kind === 'environment')) throw error;
    return reconcile(
      plan.filter((one) => !isInside(one)),
      `its interface was not looked at: ${reasonOf(error)}`,
    );
  }
}

function whyBusy(record: AttachmentRecord, dataDir: string): string | undefined {
  if (isBeingRemoved(dataDir, record)) return 'it is being removed';
  return isBeingMade(record) ? 'it is being made' : undefined;
}

/**
 * The plan as far as it is looked at. Plugins behind this one may have changed the container's MAC (tuning), so any will do, as
 * in CHECK. What 0.1.0 noted does not say how the port was made.
 */
function planOf(node: Node, record: AttachmentRecord, dataDir: string, { isWanted }: ReconcileOptions): Plan {
  const isRead = (kind: Kind<unknown>) => isWanted?.(kind) !== false;
  const plan = recordedPlan(record, record, dataDir, node.log, isRead).filter(({ kind }) => isRead(kind));
  const known = record.plan === undefined ? plan.filter((one) => !isInside(one)) : plan;
  return known.map((one) =>
    one.kind.name === 'port' ? { ...one, wanted: { ...(one.wanted as PortWanted), mac: undefined } } : one,
  );
}

/** @throws Fault `environment` where the recorded network namespace is not at its path */
function enter<T>(node: Node, { netns }: AttachmentRecord, act: (container: Container) => T): T {
  if (netns === undefined) throw new Fault('environment', 'the record names no network namespace');
  return withContainer(node, netns.path, (container) => {
    const { device, inode } = container.netns;
    if (device === netns.device && inode === netns.inode) return act(container);
    throw new Fault('environment', `another network namespace is at ${netns.path}`);
  });
}

function walk(
  node: Node,
  plan: Plan,
  record: AttachmentRecord,
  dataDir: string,
  { isDryRun, isPostponed = () => false, whole }: ReconcileOptions,
): Pick<Reconciled, 'restored' | 'left'> {
  const first = plan.flatMap((one) => lossOf(node, one, record, whole) ?? []);
  if (isDryRun || first.every(isPostponed)) return { restored: [], left: first };
  // What is shared may be mended together with what was found whole before.
  whole.shared.clear();
  whole.compared.clear();
  const mended: Resource[] = [];
  const left: Reconciled['left'][number][] = [];
  const restored: Loss[] = [];
  const mendAll = (part: Plan) => {
    for (const one of part) {
      const loss = lossOf(node, one, record, whole);
      if (loss === undefined) continue;
      if (isPostponed(loss)) {
        left.push(loss);
        continue;
      }
      const failure = mend(node, one, record, whole);
      mended.push(one);
      if (failure === undefined) restored.push(loss);
      else left.push(failure);
    }
  };
  withBridgeLock(node, () => {
    if (whyBusy(record, dataDir) === undefined) mendAll(plan.filter(({ kind }) => LOCKED.includes(kind.name)));
  });
  if (whyBusy(record, dataDir) === undefined) mendAll(plan.filter(({ kind }) => !LOCKED.includes(kind.name)));
  if (isBeingRemoved(dataDir, record)) removePlan(node, mended, (_, act) => act());
  // Another process may have mended the rest meanwhile.
  const names = new Set([...restored, ...left].map(({ kind }) => kind));
  return { restored: [...restored, ...first.filter(({ kind }) => !names.has(kind))], left };
}

/** What is off about a resource; undefined where it is as wanted. */
function lossOf(
  node: Node,
  one: Resource,
  { network }: AttachmentRecord,
  whole: Whole,
): Reconciled['left'][number] | undefined {
  const { kind, wanted } = one;
  const key = SHARED.includes(kind.name) ? sharedKey(one) : undefined;
  if (key !== undefined && whole.shared.has(key)) return undefined;
  const rules = RULED.includes(kind.name) ? `${kind.name} ${network} ${subnetsOf(wanted)}` : undefined;
  const comparedAt = rules === undefined ? undefined : whole.compared.get(rules);
  const finding = kind.verify({ ...node, comparedAt }, wanted);
  if (finding !== undefined) return { kind: kind.name, finding: finding.message, details: finding.details };
  if (key !== undefined) whole.shared.add(key);
  if (rules !== undefined) remember(whole, rules, node.openNft());
  return undefined;
}

/** Makes a resource as wanted. @returns what is off all the same */
function mend(
  node: Node,
  one: Resource,
  record: AttachmentRecord,
  whole: Whole,
): Reconciled['left'][number] | undefined {
  const { kind, wanted } = one;
  try {
    if (kind.restore !== undefined) kind.restore(node, wanted);
    else kind.ensure(node, wanted);
    const still = lossOf(node, one, record, whole);
    if (still === undefined || kind.mend === undefined) return still;
    kind.mend(node, wanted);
    return lossOf(node, one, record, whole);
  } catch (error) {
    const details = error instanceof Fault ? error.details : undefined;
    return { kind: kind.name, finding: reasonOf(error), details };
  }
}

/** The values that all attachments of a bridge share: what belongs to the attachment itself is left out. */
function sharedKey({ kind, wanted }: Resource): string {
  const { port: _, ...shared } = wanted as { readonly port?: unknown };
  return `${kind.name} ${JSON.stringify(shared, (_key, value) => (typeof value === 'bigint' ? String(value) : value))}`;
}

/** Rules are made for each subnet. */
function subnetsOf(wanted: unknown): string {
  const { addresses = [] } = wanted as {
    addresses?: readonly { ip: { family: number; value: bigint }; prefix: number }[];
  };
  return addresses
    .map(({ ip, prefix }) => `${ip.family} ${ip.value >> BigInt((ip.family === 4 ? 32 : 128) - prefix)}/${prefix}`)
    .join(' ');
}

function remember({ compared }: Whole, rules: string, nft: Connection | undefined): void {
  const generation = nft && generationToRemember(nft);
  if (generation !== undefined) compared.set(rules, generation);
}

function isInside({ kind }: Resource): boolean {
  return INSIDE.includes(kind.name);
}
