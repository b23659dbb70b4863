/** Command lines that set kernel parameters. */

import { word } from './shell.ts';

/** `sysctl -w NAME=VALUE …`, the names as paths below /proc/sys, since an interface may have a dot in its name. */
export function sysctlLine(settings: Readonly<Record<string, string | number>>): string {
  const assignments = Object.entries(settings).map(([path, value]) => word(`${sysctlName(path)}=${value}`));
  return `sysctl -w ${assignments.join(' ')}`;
}

/** The name for sysctl(8): with dots, unless a part of the path has one. */
function sysctlName(path: string): string {
  return path.includes('.') ? path : path.replaceAll('/', '.');
}
