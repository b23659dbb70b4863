/** What an operator may call an attachment by: container ID, pod, address, host veth, netns path or process ID. */

import { parseCidr } from '../../address/cidr.ts';
import { formatIp, type Ip, parseIp, sameIp } from '../../address/ip.ts';
import { podText } from '../../ipam/index.ts';
import { grouped } from '../../resources/grouped.ts';
import { type FileStatus, statPath } from '../../sys/directory.ts';
import type { Inventory, Listed } from './inventory.ts';

/** Attachments that belong together under one name: those of a container, or of a pod. */
export interface Candidate {
  /** What they have in common, for people: `pod shop/web-0`, `container 8f1e…`. */
  readonly name: string;
  readonly attachments: readonly Listed[];
}

/** One way to read the text, and what it finds. */
interface Reading {
  /** What was looked for, for people: `the address 10.1.0.2`. */
  readonly sought: string;
  readonly found: readonly Candidate[];
}

export interface Search {
  /** One: found. None: not found. Several: the text is ambiguous. */
  readonly candidates: readonly Candidate[];
  /** Each way in which the text was read. */
  readonly sought: readonly string[];
}

/** The status of a file; undefined where there is none. */
type StatusAt = (path: string) => Pick<FileStatus, 'device' | 'inode'> | undefined;

/**
 * Finds the attachments that `thing` names. Whole names come before the beginning of a container ID, so that an ID that begins
 * as another one can be named. @throws SystemError where a netns path or a process may not be looked at
 */
export function findThing(
  thing: string,
  { attachments }: Pick<Inventory, 'attachments'>,
  statusAt: StatusAt = statPath,
): Search {
  const whole = readings(thing, attachments, statusAt);
  const exact = withoutRepetition(whole.flatMap(({ found }) => found));
  const sought = whole.map((one) => one.sought);
  if (exact.length > 0 || thing === '') return { candidates: exact, sought };
  const begun = attachments.filter(({ containerId }) => containerId.startsWith(thing));
  return { candidates: byContainer(begun), sought };
}

/** The address that a text means, with or without a prefix length. */
export function addressIn(thing: string): Ip | undefined {
  return parseIp(thing) ?? parseCidr(thing)?.ip;
}

/** The path of the netns that a text means: a path, or a process ID. */
export function netnsPathIn(thing: string): string | undefined {
  if (thing.startsWith('/')) return thing;
  return /^[1-9]\d*$/.test(thing) ? `/proc/${thing}/ns/net` : undefined;
}

function readings(thing: string, attachments: readonly Listed[], statusAt: StatusAt): Reading[] {
  const ip = addressIn(thing);
  if (ip !== undefined) {
    const text = formatIp(ip);
    return [
      {
        sought: `the address ${text}`,
        found: each(attachments.filter((one) => addressesOf(one).some((own) => sameIp(own, ip)))),
      },
    ];
  }
  const netns = netnsPathIn(thing);
  const isPath = thing.startsWith('/');
  const inNetns = netns === undefined ? [] : attachments.filter((one) => livesIn(one, netns, statusAt));
  const byNetns = { sought: isPath ? `the netns ${thing}` : `the process ${thing}`, found: byContainer(inNetns) };
  if (isPath) return [byNetns];
  const named = attachments.filter(({ pod }) => isPodNamed(podText(pod), thing));
  const inPod = { sought: `a pod ${thing}`, found: byPod(named) };
  if (thing.includes('/')) return [inPod];
  return [
    { sought: 'a container ID', found: byContainer(attachments.filter(({ containerId }) => containerId === thing)) },
    inPod,
    { sought: 'a host veth', found: each(attachments.filter(({ hostVeth }) => hostVeth === thing)) },
    ...(netns === undefined ? [] : [byNetns]),
  ];
}

/** The attachment's addresses. */
export function addressesOf({ addresses }: Pick<Listed, 'addresses'>): Ip[] {
  return addresses.flatMap((text) => addressIn(text) ?? []);
}

/** By inode where the file is there, so that each path to a netns serves; otherwise by the path that was recorded. */
function livesIn({ netns }: Listed, path: string, statusAt: StatusAt): boolean {
  const there = statusAt(path);
  if (netns === undefined || there === undefined) return netns?.path === path;
  return netns.inode === there.inode && netns.device === there.device;
}

function isPodNamed(pod: string, thing: string): boolean {
  return pod !== '' && (pod === thing || pod.slice(pod.indexOf('/') + 1) === thing);
}

/** Each attachment for itself. */
function each(attachments: readonly Listed[]): Candidate[] {
  return attachments.map((one) => ({ name: nameOf(one), attachments: [one] }));
}

function byContainer(attachments: readonly Listed[]): Candidate[] {
  return groups(attachments, ({ containerId }) => containerId);
}

/** A pod may have several containers in turn: after a crash of the runtime, the records of earlier ones are still there. */
function byPod(attachments: readonly Listed[]): Candidate[] {
  return groups(attachments, ({ pod }) => podText(pod));
}

function groups(attachments: readonly Listed[], keyOf: (one: Listed) => string): Candidate[] {
  return [...grouped(attachments, keyOf).values()].map((own) => ({ name: nameOf(own[0]), attachments: own }));
}

function nameOf({ pod, containerId }: Listed): string {
  const name = podText(pod);
  return name === '' ? `container ${containerId}` : `pod ${name}`;
}

/** Without the candidates whose attachments another one has, too: a pod may be named as its container's ID. */
function withoutRepetition(candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter(
    ({ attachments }, at) =>
      !candidates.some(
        (other, place) =>
          place !== at &&
          (other.attachments.length > attachments.length || place < at) &&
          attachments.every((one) => other.attachments.includes(one)),
      ),
  );
}
