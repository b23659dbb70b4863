/** The records on disk. A broken one is told of and counts as absent; it never stops anything. */

import { errorCode, Fault, reasonOf } from '../fault.ts';
import type { Attachment } from './attachment.ts';
import { isNoFile, namesIn, readIfThere, removeFile, replaceFile } from './files.ts';
import type { Host } from './host.ts';
import { ownRoot, recordPath, type Store, storeOf } from './paths.ts';
import { type AttachmentRecord, decodeRecord, encodeRecord } from './record.ts';

/** The record of an attachment, found by name; undefined where there is none. Takes no lock. @throws Fault `io` */
export function findRecord(dataDir: string, attachment: Attachment, host: Host): AttachmentRecord | undefined {
  return readRecord(storeOf(dataDir, attachment.network), attachment, host);
}

/** All records of a network. Takes no lock: one that goes meanwhile is left out. @throws Fault `io` */
export function listRecords(dataDir: string, network: string, host: Host): AttachmentRecord[] {
  return readRecords(storeOf(dataDir, network), host);
}

/** The networks that this program has leased addresses on. @throws Fault `io` */
export function listNetworks(dataDir: string): string[] {
  return namesIn(ownRoot(dataDir))
    .filter((name) => !name.startsWith('.'))
    .sort();
}

export function readRecord(store: Store, attachment: Attachment, host: Host): AttachmentRecord | undefined {
  return told(loadRecord(store, recordPath(store, attachment)), host);
}

export function readRecords(store: Store, host: Host): AttachmentRecord[] {
  return recordPaths(store).flatMap((path) => told(loadRecord(store, path), host) ?? []);
}

/** Writes it, in place of one that is there. The caller holds the lock. @throws Fault `io` */
export function replaceRecord(store: Store, record: AttachmentRecord): void {
  replaceFile(recordPath(store, record), encodeRecord(record), store.temporary);
}

/** The caller holds the lock. @throws Fault `io` */
export function removeRecord(store: Store, attachment: Attachment): boolean {
  return removeFile(recordPath(store, attachment));
}

/** Removes the record files that are none. The caller holds the lock. @throws Fault `io` */
export function removeBrokenRecords(store: Store): void {
  for (const path of recordPaths(store)) {
    if (loadRecord(store, path)?.isBroken === true) removeFile(path);
  }
}

/** Only a record's name has a colon: the boot marker and temporary files have none. */
function recordPaths(store: Store): readonly string[] {
  const names = namesIn(store.own).filter((name) => name.includes(':'));
  return names.map((name) => `${store.own}/${name}`);
}

interface Loaded {
  readonly record?: AttachmentRecord;
  readonly complaint?: string;
  /** A file that holds no record. */
  readonly isBroken: boolean;
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

/** A directory cannot be removed as a file can, so it is left to whoever made it. */
function isDirectory(error: unknown): boolean {
  return error instanceof Fault && errorCode(error.cause) === 'EISDIR';
}

function told(loaded: Loaded | undefined, host: Host): AttachmentRecord | undefined {
  if (loaded?.complaint !== undefined) host.log('warn', `${loaded.complaint}; it counts as absent`);
  return loaded?.record;
}
