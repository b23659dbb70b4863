/** The records: one an attachment, found by the name of the attachment, with all that DEL, GC and the operator must know. */

import * as z from 'zod/mini';
import { type Cidr, parseCidr } from '../address/cidr.ts';
import type { Ip } from '../address/ip.ts';
import { collecting, hasErrno } from '../attempt.ts';
import { Fault, reasonOf } from '../fault.ts';
import { parseWith } from '../schema/explain.ts';
import { list, object, options, parsed } from '../schema/net.ts';
import { statPath } from '../sys/directory.ts';
import { EISDIR } from '../sys/errno.ts';
import { setFileMode } from '../sys/file.ts';
import type { Attachment, AttachmentRecord, Json, Owner } from './attachment.ts';
import { isNoFile, namesIn, readIfThere, removeFile, replaceFile } from './files.ts';
import type { Host } from './host.ts';
import type { LockedStore } from './lock.ts';
import { ownRoot, recordPath, type Store, storeOf } from './store.ts';

const VERSION = 1;
/** The mode of a record's file while its attachment is being removed: readable by the owner alone, and not writable. */
const MARKED = 0o400;

const text = z.string();
const number = z.number();
const instant = parsed('a time', (value) => (Number.isNaN(Date.parse(value)) ? undefined : value));
const address = parsed('an address with a length', (value) => parseCidr(value) && value);

/** `version` is not compared: a later version may add keys, but never change the meaning of these. */
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
    processStart: number,
    plan: list(z.unknown() as z.ZodMiniType<Json>),
    notes: z.record(text, z.unknown() as z.ZodMiniType<Json>),
  },
);

interface Loaded {
  readonly record?: AttachmentRecord;
  readonly complaint?: string;
  /** A file that holds no record. */
  readonly isBroken: boolean;
}

/** The record of an attachment, found by name; undefined where there is none. Takes no lock. @throws Fault `io` */
export function findRecord(dataDir: string, attachment: Attachment, host: Host): AttachmentRecord | undefined {
  return readRecord(storeOf(dataDir, attachment.network), attachment, host);
}

/** The file of an attachment's record, whether it is there or not. @throws Fault `config` for names of no file */
export function recordFile(dataDir: string, attachment: Attachment): string {
  return recordPath(storeOf(dataDir, attachment.network), attachment);
}

/** All records of a network. Takes no lock: a record that another process removes meanwhile is left out. @throws Fault `io` */
export function listRecords(dataDir: string, network: string, host: Host): AttachmentRecord[] {
  return readRecords(storeOf(dataDir, network), host);
}

/** The networks that this program has leased addresses on. @throws Fault `io` */
export function listNetworks(dataDir: string): string[] {
  return namesIn(ownRoot(dataDir))
    .filter((name) => !name.startsWith('.'))
    .sort();
}

/**
 * The attachments of a network by the names of their records, which are not read. Attachments with a shortened name are left
 * out. @throws Fault `io`
 */
export function attachmentsOf(dataDir: string, network: string): Attachment[] {
  const names = namesIn(storeOf(dataDir, network).own).map((name) => name.split(':'));
  return names.flatMap(([containerId = '', ifName]) =>
    ifName === undefined || containerId.includes('~') ? [] : [{ network, containerId, ifName }],
  );
}

/** The record of an attachment; undefined where there is no usable one. @throws Fault `io` */
export function readRecord(store: Store, attachment: Attachment, host: Host): AttachmentRecord | undefined {
  return usableRecord(loadRecord(store, recordPath(store, attachment)), host);
}

/** All usable records of the store. @throws Fault `io` */
export function readRecords(store: Store, host: Host): AttachmentRecord[] {
  return recordPaths(store).flatMap((path) => usableRecord(loadRecord(store, path), host) ?? []);
}

/** A file with the name of a record that holds none, and why, as a sentence. */
export interface BrokenRecord {
  readonly path: string;
  readonly complaint: string;
  /** The attachment that the name stands for; undefined where it is shortened. */
  readonly attachment: Attachment | undefined;
}

/** The broken records of a network; those that are known to be usable are not read again. @throws Fault `io` */
export function findBrokenRecords(
  dataDir: string,
  network: string,
  usable: readonly Attachment[] = [],
): BrokenRecord[] {
  const store = storeOf(dataDir, network);
  const known = new Set(usable.map((attachment) => recordPath(store, attachment)));
  const others = recordPaths(store).filter((path) => !known.has(path));
  return others.flatMap((path) => {
    const { complaint } = loadRecord(store, path) ?? {};
    const [containerId = '', ifName = ''] = path.slice(store.own.length + 1).split(':');
    const attachment = containerId.includes('~') ? undefined : { network, containerId, ifName };
    return complaint === undefined ? [] : [{ path, complaint, attachment }];
  });
}

/** Writes a record, in place of one that is there. @throws Fault `io` */
export function replaceRecord(store: LockedStore, record: AttachmentRecord): void {
  replaceFile(recordPath(store, record), encodeRecord(record), store.temporary);
}

/** @returns whether there was one. @throws Fault `io` */
export function removeRecord(store: LockedStore, attachment: Attachment): boolean {
  return removeFile(recordPath(store, attachment));
}

/**
 * Marks an attachment as one that is being removed, before anything of it is: nothing is put back for it on the node from now
 * on. The mark is the mode of the record's file, which costs one system call; a record that is written anew has none. Where
 * the file system takes no mark, only an ADD at the same time can put something back, which the next ADD or GC removes.
 */
export function markRemoval(dataDir: string, attachment: Attachment): void {
  collecting(() => setFileMode(recordPath(storeOf(dataDir, attachment.network), attachment), MARKED));
}

/** Whether an attachment is marked as being removed, or has no record any more. @throws SystemError */
export function isBeingRemoved(dataDir: string, attachment: Attachment): boolean {
  const mode = statPath(recordPath(storeOf(dataDir, attachment.network), attachment))?.mode;
  return mode === undefined || mode === MARKED;
}

/** Removes the files that have the name of a record and hold none. @throws Fault `io` */
export function removeBrokenRecords(store: LockedStore): void {
  for (const path of recordPaths(store)) {
    if (loadRecord(store, path)?.isBroken === true) removeFile(path);
  }
}

/** A new record for an attachment. */
export function createRecord(
  owner: Owner,
  addresses: readonly string[],
  bootId: string,
  nowMs: number,
): AttachmentRecord {
  const { network, containerId, ifName, netns, hostVeth, pod, process, processStart, plan, notes } = owner;
  const createdAt = new Date(nowMs).toISOString();
  const head = { version: VERSION, network, containerId, ifName, addresses, bootId, createdAt };
  return { ...head, netns, hostVeth, pod, process, processStart, plan, notes };
}

/** The content of a record file. */
export function encodeRecord(record: AttachmentRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** @throws Fault `decode` where the text is no record; `what` names it in the message */
export function decodeRecord(text: string, what: string): AttachmentRecord {
  return parseWith(recordSchema, parseJson(text, what), what, 'decode');
}

/** The leased addresses with their lengths, as values. */
export function recordedAddresses(record: AttachmentRecord): readonly Cidr[] {
  return record.addresses.flatMap((text) => parseCidr(text) ?? []);
}

/** The leased addresses as values. */
export function recordedIps(record: AttachmentRecord): readonly Ip[] {
  return recordedAddresses(record).map(({ ip }) => ip);
}

/** Only a record's name has a colon: the boot marker and temporary files have none. */
function recordPaths(store: Store): readonly string[] {
  const names = namesIn(store.own).filter((name) => name.includes(':'));
  return names.map((name) => `${store.own}/${name}`);
}

function loadRecord(store: Store, path: string): Loaded | undefined {
  try {
    const text = readIfThere(path);
    if (text === undefined) return undefined;
    const record = decodeRecord(text, `the record ${path}`);
    if (record.network === store.network && recordPath(store, record) === path) return { record, isBroken: false };
    return { complaint: `cannot use the record ${path}: it is of another attachment`, isBroken: true };
  } catch (error) {
    const complaint = reasonOf(error);
    if (error instanceof Fault && error.kind === 'decode') return { complaint, isBroken: true };
    if (isNoFile(error)) return { complaint, isBroken: !isDirectory(error) };
    throw error;
  }
}

/** A directory cannot be removed as a file can. No version of this program makes one, so a directory stays. */
function isDirectory(error: unknown): boolean {
  return error instanceof Fault && hasErrno(error.cause, [EISDIR]);
}

/** The record, if it is usable; a complaint is logged. */
function usableRecord(loaded: Loaded | undefined, host: Host): AttachmentRecord | undefined {
  if (loaded?.complaint !== undefined) host.log('warn', `${loaded.complaint}; it counts as absent`);
  return loaded?.record;
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Fault('decode', `cannot use ${what}: not JSON, ${reasonOf(cause)}`, { cause });
  }
}
