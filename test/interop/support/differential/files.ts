/** Files that a case begins with, and host-local's own. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readdirIfThere } from '../../../support/leftovers.ts';
import type { JsonObject } from './json.ts';

export function writeFiles(directory: string, files: Readonly<Record<string, string>> = {}): void {
  for (const [file, content] of Object.entries(files)) {
    const path = join(directory, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
}

/** What host-local keeps in a data directory, by name; what is beside it, under a name with a dot, is ours alone. */
export function leasesIn(dataDir: string): JsonObject {
  const files = readdirIfThere(dataDir).filter((entry) => entry.isFile() && !entry.parentPath.includes('/.'));
  return Object.fromEntries(files.map(({ parentPath, name }) => [name, readFileSync(join(parentPath, name), 'utf8')]));
}
