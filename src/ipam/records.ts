/** The records on disk. A broken one is told of and counts as absent; it never stops anything. */

import { errorCode, Fault, reasonOf } from '../fault.ts';
import type { Attachment } from './attachment.ts';
import { namesIn, readIfThere, removeFile, replaceFile } from './files.ts';
import type { Host } from './host.ts';
import { ownRoot, recordPath, type Store, storeOf, temporaryPath } from './paths.ts';
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
  const record = readFile(recordPath(store, attachment), host);
  return record !== undefined && isOf(record, attachment) ? record : undefined;
}

export function readRecords(store: Store, host: Host): AttachmentRecord[] {
  return recordNames(store).flatMap((name) => readFile(`${store.own}/${name}`, host) ?? []);
}

/** Writes it, in place of one that is there. The caller holds the lock. @throws Fault `io` */
export function replaceRecord(store: Store, record: AttachmentRecord): void {
  replaceFile(recordPath(store, record), encodeRecord(record), temporaryPath(store, 'record'));
}

/** The caller holds the lock. @throws Fault `io` */
export function removeRecord(store: Store, attachment: Attachment): boolean {
  return removeFile(recordPath(store, attachment));
}

/** Removes the record files that are none. The caller holds the lock. @throws Fault `io` */
export function removeBrokenRecords(store: Store, host: Host): void {
  for (const name of recordNames(store)) {
    const path = `${store.own}/${name}`;
    if (readFile(path, { ...host, log: () => undefined }) === undefined) removeFile(path);
  }
}

/** Only a record's name has a colon: the boot marker and temporary files have none. */
function recordNames(store: Store): readonly string[] {
  return namesIn(store.own).filter((name) => name.includes(':'));
}

function readFile(path: string, host: Host): AttachmentRecord | undefined {
  try {
    const text = readIfThere(path);
    return text === undefined ? undefined : decodeRecord(text, `the record ${path}`);
  } catch (error) {
    const isOurs = error instanceof Fault && (error.kind === 'decode' || errorCode(error.cause) === 'EISDIR');
    if (!isOurs) throw error;
    host.log('warn', `${reasonOf(error)}; it counts as absent`);
    return undefined;
  }
}

function isOf(record: AttachmentRecord, { containerId, ifName }: Attachment): boolean {
  return record.containerId === containerId && record.ifName === ifName;
}
