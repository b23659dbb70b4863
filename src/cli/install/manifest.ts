/** What `install` wrote on the node, so that an upgrade replaces only that, and `uninstall` removes only that. */

import * as z from 'zod/mini';
import { Fault, reasonOf } from '../../fault.ts';
import { type Parsed, parseWith } from '../../schema/explain.ts';
import { list, object } from '../../schema/net.ts';
import { statLink } from '../../sys/directory.ts';
import { readWholeText, unlessMissing } from '../../sys/file.ts';
import { linkTarget, replaceText } from '../../sys/placement.ts';

/** Where the manifest is, unless a flag says otherwise. */
export const DEFAULT_MANIFEST = '/var/lib/trestle/install.json';

const text = z.string();
const number = z.number();

const entrySchema = object(
  { path: text, kind: z.literal(['executable', 'link', 'text']) },
  {
    /** Of an executable, as it was written. */
    size: number,
    mtimeMs: number,
    inode: number,
    /** Of a link. */
    target: text,
    /** Of a text. */
    content: text,
    /** Where that is kept which was there before. */
    backup: text,
  },
);

const manifestSchema = object({ version: number, entries: list(entrySchema), directories: list(text) });

/** One file that `install` wrote. */
export type Entry = Parsed<typeof entrySchema>;

export interface Manifest {
  readonly entries: readonly Entry[];
  /** The directories that `install` made, in the order in which it made them. */
  readonly directories: readonly string[];
}

/** The manifest; an empty one where there is none. @throws Fault `decode`, SystemError */
export function readManifest(file: string): Manifest {
  const content = unlessMissing(() => readWholeText(file));
  if (content === undefined) return { entries: [], directories: [] };
  try {
    return parseWith(manifestSchema, JSON.parse(content), file, 'decode');
  } catch (cause) {
    throw new Fault('decode', `cannot read the manifest ${file}: ${reasonOf(cause)}`, {
      cause,
      details: 'Move it away: then no file on the node counts as one that "trestle install" wrote.',
    });
  }
}

/** @throws SystemError */
export function writeManifest(file: string, manifest: Manifest): void {
  replaceText(file, `${JSON.stringify({ version: 1, ...manifest }, null, 2)}\n`, 0o644);
}

/** The file as it is now, for the manifest. @throws SystemError */
export function entryOf(path: string, kind: Entry['kind'], backup: string | undefined): Entry {
  const common = { path, kind, ...(backup !== undefined && { backup }) };
  if (kind === 'link') return { ...common, target: linkTarget(path) ?? '' };
  if (kind === 'text') return { ...common, content: readWholeText(path) };
  const { size = 0, mtimeMs = 0, inode = 0 } = statLink(path) ?? {};
  return { ...common, size, mtimeMs, inode };
}

/** Whether the file is still as it was written. @throws SystemError */
export function isUnchanged(entry: Entry): boolean {
  if (statLink(entry.path) === undefined) return false;
  if (entry.kind === 'link') return linkTarget(entry.path) === entry.target;
  if (linkTarget(entry.path) !== undefined) return false;
  const now = entryOf(entry.path, entry.kind, undefined);
  return entry.kind === 'text'
    ? now.content === entry.content
    : now.size === entry.size && now.mtimeMs === entry.mtimeMs && now.inode === entry.inode;
}
