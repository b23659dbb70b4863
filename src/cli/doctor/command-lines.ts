/** Command lines that findings advise: words quoted for a POSIX shell, and what several sections advise. */

import { DEFAULT_DATA_DIR } from '../../ipam/index.ts';

/** A word of a command line, in quotation marks where a shell would take it apart. */
export function word(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A command line with the words quoted. */
export function commandOf(...words: readonly (string | number)[]): string {
  return words.map((one) => word(String(one))).join(' ');
}

/** The command line, run in the network namespace at a path. */
export function insideOf(netnsPath: string, ...words: readonly (string | number)[]): string {
  return commandOf('nsenter', `--net=${netnsPath}`, ...words);
}

/** `trestle reconcile`, which puts back what is ours, with the data directories that it would not look into by itself. */
export function reconcileLine(dataDirs: readonly string[]): string {
  const named = [...new Set(dataDirs)];
  const isDefault = named.every((one) => one === DEFAULT_DATA_DIR);
  return commandOf('trestle', 'reconcile', ...(isDefault ? [] : named.flatMap((one) => ['--data-dir', one])));
}

/** `sysctl -w NAME=VALUE …`, the names as paths below /proc/sys, since an interface may have a dot in its name. */
export function sysctlLine(settings: Readonly<Record<string, string | number>>): string {
  return commandOf('sysctl', '-w', ...Object.entries(settings).map(([path, value]) => `${sysctlName(path)}=${value}`));
}

/** The name for sysctl(8): with dots, unless a part of the path has one. */
function sysctlName(path: string): string {
  return path.includes('.') ? path : path.replaceAll('/', '.');
}
