/**
 * The generation of the nftables ruleset that our last call on a node left behind, and the networks that have not been
 * compared since other programs changed the ruleset, in `<dataDir>/.trestle/.generation`, which is no name of a network. The
 * file is a hint: where it is lost, or is of another network namespace, the next ADD compares more than it need.
 */

import { tolerating } from '../attempt.ts';
import { silentLog } from '../log.ts';
import { overwriteFile, readIfThere } from './files.ts';
import { ownRoot } from './store.ts';

export interface GenerationHint {
  readonly generation: number;
  /** Networks whose elements are to be compared with their records. */
  readonly pending: readonly string[];
}

/** A generation belongs to a network namespace, which its inode identifies. */
type NetnsKey = { readonly inode: number };

/** @returns undefined where no hint is remembered for this network namespace */
export function readGenerationHint(dataDir: string, { inode }: NetnsKey): GenerationHint | undefined {
  let text = '';
  tolerating(silentLog, () => {
    text = readIfThere(pathIn(dataDir)) ?? '';
  });
  const [netns, generation, ...pending] = text.split(' ');
  return Number(netns) === inode && /^\d+$/.test(generation ?? '')
    ? { generation: Number(generation), pending }
    : undefined;
}

/** Remembers the hint; an error is ignored. */
export function writeGenerationHint(dataDir: string, { inode }: NetnsKey, hint: GenerationHint): void {
  const text = [inode, hint.generation, ...hint.pending].join(' ');
  tolerating(silentLog, () => overwriteFile(pathIn(dataDir), text));
}

function pathIn(dataDir: string): string {
  return `${ownRoot(dataDir)}/.generation`;
}
