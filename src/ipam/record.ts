/** The record of one attachment: everything that DEL, GC and the operator must know, found by its name alone. */

import * as z from 'zod/mini';
import { type Cidr, parseCidr } from '../address/cidr.ts';
import type { Ip } from '../address/ip.ts';
import { Fault, reasonOf } from '../fault.ts';
import { parseWith } from '../schema/explain.ts';
import { list, object, options, parsed } from '../schema/net.ts';
import type { Json, Owner } from './attachment.ts';

export interface AttachmentRecord extends Owner {
  readonly version: number;
  /** What was leased, with the subnet's length; empty where IPAM is somebody else's, or there is none. */
  readonly addresses: readonly string[];
  readonly bootId: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

const VERSION = 1;

export function encodeRecord(record: AttachmentRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** @throws Fault `decode` where the text is no record; `what` says whose */
export function decodeRecord(text: string, what: string): AttachmentRecord {
  return parseWith(recordSchema, parseJson(text, what), what, 'decode');
}

/** A new record for an attachment. */
export function createRecord(
  owner: Owner,
  addresses: readonly string[],
  bootId: string,
  nowMs: number,
): AttachmentRecord {
  const { network, containerId, ifName, netns, hostVeth, pod, process, plan, notes } = owner;
  const createdAt = new Date(nowMs).toISOString();
  const head = { version: VERSION, network, containerId, ifName, addresses, bootId, createdAt };
  return { ...head, netns, hostVeth, pod, process, plan, notes };
}

/** The leased addresses with their lengths, as values. */
export function recordedAddresses(record: AttachmentRecord): readonly Cidr[] {
  return record.addresses.flatMap((text) => parseCidr(text) ?? []);
}

/** The leased addresses as values. */
export function recordedIps(record: AttachmentRecord): readonly Ip[] {
  return recordedAddresses(record).map(({ ip }) => ip);
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Fault('decode', `cannot use ${what}: not JSON, ${reasonOf(cause)}`, { cause });
  }
}

const text = z.string();
const number = z.number();
const instant = parsed('a time', (value) => (Number.isNaN(Date.parse(value)) ? undefined : value));
const address = parsed('an address with a length', (value) => parseCidr(value) && value);

/** `version` is not compared: a later one may add keys, never change the meaning of these. */
const recordSchema = object(
  {
    version: number,
    network: text,
    containerId: text,
    ifName: text,
    addresses: list(address),
    bootId: text,
    createdAt: instant,
  },
  {
    netns: object({ path: text, device: number, inode: number }),
    hostVeth: text,
    pod: options({ namespace: text, name: text, uid: text, infraContainerId: text }),
    process: number,
    plan: list(z.unknown() as z.ZodMiniType<Json>),
    notes: z.record(text, z.unknown() as z.ZodMiniType<Json>),
  },
);
