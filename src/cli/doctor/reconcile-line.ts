/** The command line that puts back what is ours. */

import { DEFAULT_DATA_DIR } from '../../ipam/index.ts';
import { word } from './shell.ts';

/** `trestle reconcile`, with the data directories that it would not look into by itself. */
export function reconcileLine(dataDirs: readonly string[]): string {
  const named = [...new Set(dataDirs)];
  const flags = named.every((one) => one === DEFAULT_DATA_DIR) ? [] : named.map((one) => ` --data-dir ${word(one)}`);
  return `trestle reconcile${flags.join('')}`;
}
