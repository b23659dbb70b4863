/**
 * The life of a resource as a table's rows have it: made, verified, made again, broken by hand and mended as the finding says,
 * removed, surveyed. A row is data; what is done with it is here.
 */

import { describe, expect, test } from 'bun:test';
import { Fault } from '../../../src/fault.ts';
import type { Log } from '../../../src/log.ts';
import { type AttachmentKey, hostVethName, ownerText } from '../../../src/resources/names.ts';
import { type Neighbour, type Node, openNode, withContainer } from '../../../src/resources/node.ts';
import {
  ablePlan,
  ensurePlan,
  mendPlan,
  type Plan,
  type Resource,
  removePlan,
  verifyPlan,
  wantedOf,
} from '../../../src/resources/plan.ts';
import type { Owned } from '../../../src/resources/resource.ts';
import { type Flavour, programsOf } from '../../support/iptables.ts';
import { createNetns, exec, type Netns } from '../../support/netns.ts';
import { SYSTEM_PATH } from '../../support/process.ts';
import { type Footprint, footprint } from './footprint.ts';
import { inside } from './inside.ts';

/** An attachment of a row, and the last part of its addresses. */
export interface Who extends AttachmentKey {
  readonly dataDir: string;
  readonly host: number;
}

export interface Break {
  /** Commands, `;` between them. One that begins with `in container: ` is run there. VETH is the host veth. */
  readonly by: string;
  /** What `verify` says then, or a part of it. */
  readonly finding: string;
  /** What the commands added may stay beside what is wanted. */
  readonly mayStay?: true;
}

export interface Row {
  readonly name: string;
  /** The kind that the row is about. */
  readonly kind: string;
  /** The resource with what it stands on before it, and behind it what it is not whole without. */
  plan(who: Who): Plan;
  /** Commands for the node beforehand. */
  readonly given?: readonly string[];
  /** Which iptables is found first. */
  readonly flavour?: Flavour;
  readonly breaks: readonly Break[];
  /** Changes that others may make. */
  readonly tolerated?: readonly string[];
}

const DATA_DIR = '/var/lib/cni/networks';
export const OWN: Who = { network: 'pods', containerId: 'abc', ifName: 'eth0', dataDir: DATA_DIR, host: 2 };
const NEXT: Who = { ...OWN, containerId: 'next', host: 3 };
/**
 * Attachments that are none of OWN's business: of its network, of its container, with names that are alike, of its network
 * in another data directory.
 */
export const OTHERS: readonly Who[] = [
  NEXT,
  { ...OWN, ifName: 'eth1', host: 4 },
  { ...OWN, network: 'pod', host: 5 },
  { ...OWN, network: 'pods-2', host: 6 },
  { ...OWN, containerId: 'ab', host: 7 },
  { ...OWN, containerId: 'far', dataDir: '/var/lib/other', host: 8 },
];

/** Kinds whose resources stay with the bridge or the node. */
const STAYING = ['bridge', 'vlan-gateway', 'gateway', 'forwarding'];
/** Kinds that can be ensured for an attachment that is not there yet alone. */
const ONCE = ['port', 'addressing'];

const resourcesOf = (plan: Plan, kind: string) => plan.filter((one) => one.kind.name === kind);
export const isOnce = ({ kind }: Resource) => ONCE.includes(kind.name);
const plain = <T>(_: string, action: () => T) => action();

/** A node with a container for each attachment, in which one row is tried. */
export interface Place extends Disposable {
  readonly node: Netns;
  readonly lines: string[];
  ensure(who: Who, plan: Plan, neighbours?: readonly Plan[]): void;
  /** What `verify` of the kind finds, for the first of the plan's resources that is off. */
  finding(who: Who, plan: Plan): Fault | undefined;
  remove(who: Who, plan: Plan): unknown[];
  /** What `able` says in the way. */
  limits(who: Who, plan: Plan): Fault[];
  /** Does something with a node as a call has it. */
  call<T>(who: Who, act: (node: Node) => T, neighbours?: readonly Plan[]): T;
  run(who: Who, commands: string): void;
  containerOf(who: Who): Netns;
  look(): Footprint;
}

/** Makes a place for the row. */
export function placeFor({ flavour, given = [] }: { flavour?: Flavour | undefined; given?: readonly string[] }): Place {
  const node = createNetns();
  const containers = new Map<string, Netns>();
  const lines: string[] = [];
  const log: Log = (level, message) => lines.push(`${level}: ${message}`);
  const keyOf = ({ network, containerId, ifName, dataDir }: Who) => [network, containerId, ifName, dataDir].join(' ');
  const containerOf = (who: Who) => {
    const known = containers.get(keyOf(who)) ?? createNetns();
    containers.set(keyOf(who), known);
    return known;
  };
  const searchPath = flavour === undefined ? SYSTEM_PATH : programsOf(flavour);
  const call: Place['call'] = (who, act, plans = []) =>
    inside(node, () => {
      const outside = openNode(searchPath, log);
      const neighbours = () => plans.map(neighbour);
      const owners = () => [ownerText(who), ...plans.map(ownerOf)];
      try {
        return withContainer(outside, containerOf(who).path, (container) =>
          act({ ...outside, container, neighbours, owners }),
        );
      } finally {
        outside.close();
      }
    });
  const place: Place = {
    node,
    lines,
    call,
    containerOf,
    ensure: (who, plan, plans) => call(who, (one) => ensurePlan(one, plan, [], plain), plans),
    finding: (who, plan) => call(who, (one) => findingOf(() => verifyPlan(one, plan, plain))),
    remove: (who, plan) => call(who, (one) => removePlan(one, plan, plain)),
    limits: (who, plan) => call(who, (one) => ablePlan(one, plan, plain)),
    run: (who, commands) => {
      for (const command of commands.split(' ; ')) {
        const [, there, text = ''] = /^(in container: )?(.*)$/.exec(command) ?? [];
        const ns = there === undefined ? node : containerOf(who);
        exec(ns, ['sh', '-c', text.replaceAll('VETH', hostVethName(who))]);
      }
    },
    look: () => footprint(node, [...containers.values()]),
    [Symbol.dispose]: () => {
      for (const ns of [...containers.values(), node]) ns.delete();
    },
  };
  for (const command of ['ip link set lo up', ...FORWARDING_OFF, ...given]) place.run(OWN, command);
  return place;
}

/** A fresh namespace takes after the machine's own. */
const FORWARDING_OFF = ['sysctl -qw net.ipv4.ip_forward=0', 'sysctl -qw net.ipv6.conf.all.forwarding=0'];

function neighbour(plan: Plan): Neighbour {
  return {
    owner: ownerOf(plan),
    wanted: (kind) => wantedOf(plan, kind),
    isStaying: () => true,
    isBeingMade: () => false,
  };
}

/** See `Neighbour`: of the first of its resources that names its attachment. */
function ownerOf(plan: Plan): string {
  const key = plan
    .map(({ wanted }) => wanted as Partial<AttachmentKey>)
    .find(({ containerId }) => containerId !== undefined);
  return key === undefined ? '' : ownerText(key as AttachmentKey);
}

function findingOf(verify: () => void): Fault | undefined {
  try {
    verify();
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

/** The tests of a row. */
export function walk(row: Row): void {
  describe(row.name, () => {
    test('is made, verified, and made again without a change', () => made(row));
    if (row.breaks.length > 0)
      test.each(row.breaks.map((one) => [one.by, one] as const))('%s: is found, and mended as it is said', (_, one) =>
        broken(row, one),
      );
    for (const change of row.tolerated ?? []) test(`${change}: is not minded`, () => tolerated(row, change));
    test('goes with its attachment, twice, and leaves what is shared', () => removed(row));
  });
}

function made(row: Row): void {
  using place = placeFor(row);
  const plan = row.plan(OWN);
  expect(place.limits(OWN, plan)).toEqual([]);
  place.ensure(OWN, plan);
  expect(place.finding(OWN, plan)).toBeUndefined();
  expect(place.limits(OWN, plan)).toEqual([]);
  const whole = place.look();
  const again = plan.filter((one) => !isOnce(one));
  place.ensure(OWN, again);
  expect(place.look()).toEqual(whole);
  expect(place.finding(OWN, plan)).toBeUndefined();
  // One that cannot be made twice says so, and what is there stays as it is.
  for (const one of plan.filter(isOnce)) {
    expect(() => place.ensure(OWN, [one])).toThrow();
    expect(place.look()).toEqual(whole);
  }
  expect(place.lines.filter((line) => !line.startsWith('debug'))).toEqual([]);
}

function tolerated(row: Row, change: string): void {
  using place = placeFor(row);
  const plan = row.plan(OWN);
  place.ensure(OWN, plan);
  place.run(OWN, change);
  expect(place.finding(OWN, resourcesOf(plan, row.kind))).toBeUndefined();
}

type Remedy = (place: Place, row: Row) => void;

const ensureAgain: Remedy = (place, row) =>
  place.ensure(
    OWN,
    row.plan(OWN).filter((one) => !isOnce(one)),
  );
const anew: Remedy = (place, row) => {
  expect(place.remove(OWN, row.plan(OWN))).toEqual([]);
  place.ensure(OWN, row.plan(OWN));
};
const nextAdd: Remedy = (place, row) => {
  place.ensure(NEXT, row.plan(NEXT), [row.plan(OWN)]);
  place.call(NEXT, (node) => mendPlan(node, row.plan(NEXT), plain), [row.plan(OWN)]);
  expect(place.finding(OWN, resourcesOf(row.plan(OWN), row.kind))).toBeUndefined();
  expect(place.remove(NEXT, row.plan(NEXT))).toEqual([]);
};
const command =
  (text: string): Remedy =>
  (place) =>
    place.run(OWN, text);

/** What the details of a finding say is to be done. */
function remediesOf(details = ''): Remedy[] {
  const commands = [...details.matchAll(/"((?:sysctl|ip) [^"]+)"/g)].map(([, text = '']) => command(text));
  const isAnew = /DEL and ADD|deleting and adding this one/.test(details);
  return [...commands, ...(/next ADD/.test(details) ? [nextAdd] : []), ...(isAnew ? [anew] : [])];
}

function broken(row: Row, { by, finding, mayStay }: Break): void {
  using place = placeFor(row);
  const plan = row.plan(OWN);
  const own = resourcesOf(plan, row.kind);
  place.ensure(OWN, plan);
  const whole = place.look();
  const breakIt = () => {
    place.run(OWN, by);
    const fault = place.finding(OWN, own);
    expect(fault).toMatchObject({ kind: 'check', message: expect.stringContaining(textFor(finding)) });
    return fault;
  };
  const remedies = remediesOf(breakIt()?.details);
  expect(remedies).not.toEqual([]);
  const isMended = !own.some(isOnce);
  for (const [at, remedy] of [...remedies, ...(isMended ? [ensureAgain] : [])].entries()) {
    if (at > 0) breakIt();
    remedy(place, row);
    expect(place.finding(OWN, own)).toBeUndefined();
    if (remedy !== anew && !isMended) anew(place, row);
    if (!mayStay) expect(place.look()).toEqual(whole);
  }
}

const textFor = (text: string) => text.replaceAll('VETH', hostVethName(OWN));

function removed(row: Row): void {
  using place = placeFor(row);
  const plan = row.plan(OWN);
  const staying = plan.filter(({ kind }) => STAYING.includes(kind.name));
  place.ensure(OWN, staying);
  const bare = place.look();
  place.ensure(OWN, plan);
  for (const _ of ['once', 'twice']) {
    expect(place.remove(OWN, plan)).toEqual([]);
    expect(place.look().lines).toEqual(bare.lines);
    const finding = place.finding(OWN, resourcesOf(plan, row.kind));
    if (STAYING.includes(row.kind)) expect(finding).toBeUndefined();
    else expect(finding?.kind).toBe('check');
  }
  expect(place.lines.filter((line) => /^(warn|error)/.test(line))).toEqual([]);
}

/** The tests of a row whose kind names its owners. */
export function survey(row: Row): void {
  describe(row.name, () => {
    test('is found by a survey of its network as its attachment’s, and by no other', () => surveyed(row));
    test('is removed by what the survey found, and nothing else is', () => removedAsFound(row));
  });
}

const found = (place: Place, row: Row, who: Who, isDel = false): readonly Owned[] =>
  place.call(who, (node) => {
    const { network, dataDir, containerId, ifName } = who;
    const scope = { network, dataDir, ...(isDel ? { containerId, ifName } : {}) };
    return resourcesOf(row.plan(who), row.kind).flatMap(({ kind }) => kind.survey(node, scope));
  });

function surveyed(row: Row): void {
  using place = placeFor(row);
  const all = [OWN, ...OTHERS];
  for (const who of all) expect(found(place, row, who)).toEqual([]);
  for (const who of all) place.ensure(who, row.plan(who));
  for (const who of all) {
    const seen = found(place, row, who);
    const relatives = all.filter(({ network, dataDir }) => network === who.network && dataDir === who.dataDir);
    expect(seen.filter((one) => one.isOf(who)).length).toBeGreaterThan(0);
    // Each is of one of the network's attachments.
    expect(seen.map((one) => relatives.filter((other) => one.isOf(other)).length)).toEqual(seen.map(() => 1));
    for (const { what } of seen) expect(what).not.toBe('');
    expect(found(place, row, who, true).filter((one) => one.isOf(who)).length).toBeGreaterThan(0);
  }
  for (const who of all) expect(place.remove(who, row.plan(who))).toEqual([]);
  for (const who of all) expect(found(place, row, who)).toEqual([]);
}

function removedAsFound(row: Row): void {
  using place = placeFor(row);
  for (const who of OTHERS) place.ensure(who, row.plan(who));
  place.run(OWN, 'in container: true');
  const others = place.look();
  const own = resourcesOf(row.plan(OWN), row.kind);
  for (const isDel of [false, true]) {
    place.ensure(OWN, row.plan(OWN));
    place.call(OWN, (node) => {
      const { network, dataDir, containerId, ifName } = OWN;
      const scope = { network, dataDir, ...(isDel ? { containerId, ifName } : {}) };
      const doomed = own.flatMap(({ kind }) => kind.survey(node, scope)).filter((one) => one.isOf(OWN));
      for (const one of [...doomed, ...doomed]) one.remove();
    });
    expect(place.finding(OWN, own)?.kind).toBe('check');
    expect(place.look().lines).toEqual(others.lines);
    for (const who of OTHERS) expect(place.finding(who, resourcesOf(row.plan(who), row.kind))).toBeUndefined();
  }
}
